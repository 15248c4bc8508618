"""A Dagster run that fails is told to operators, once for each merchant and job within hours."""

import dagster as dg

from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.seeing.alerting import Alert, tell
from mx_pipeline.seeing.channels import channel_of

PARTITION_TAG = "dagster/partition"


@dg.run_failure_sensor(default_status=dg.DefaultSensorStatus.RUNNING)
def failed_runs(context: dg.RunFailureSensorContext, warehouse: WarehouseResource) -> dg.SkipReason | None:
    """What the run says of its failure stays in Dagster: the alert says which run, and where to look."""
    channel = channel_of()
    if channel is None:
        return dg.SkipReason("nobody wants to be told: MX_ALERT_URL and MX_ALERT_EMAIL are not set")
    run = context.dagster_run
    merchant = run.tags.get(PARTITION_TAG, "several merchants")
    text = (
        f"run {run.run_id} of {run.job_name} failed for {merchant}: Dagster's UI shows why; mx-pipeline status says "
        "who must act, and mx-pipeline sync tries again"
    )
    with warehouse.dispatcher() as dispatcher:
        tell(dispatcher, channel, Alert(f"dagster {run.job_name} {merchant}", text))
    return None
