"""The nightly tidying: of what the warehouse keeps for a time, and of Dagster's own runs with their events."""

from collections import Counter
from datetime import datetime, timedelta

import dagster as dg

from mx_pipeline.defs.failures import told_to_dagster
from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.defs.storage import own_session
from mx_pipeline.warehouse.dagsters_events import forget_events_of_no_run, forget_verdicts
from mx_pipeline.warehouse.merchants import list_merchants
from mx_pipeline.warehouse.tidying import tidy

OP = "forget_what_was_kept_long_enough"
EVERY_NIGHT = "17 2 * * *"
RUNS_KEPT = timedelta(days=30)
RUNS_AT_ONCE = 200
MOST_RUNS = 20_000
"""A night's share: four rounds a minute are 5,760 runs a day."""
ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class TidyingConfig(dg.Config):
    """As of which moment."""

    now: str


@dg.op(
    name=OP,
    description="Delete what the policy says, of every merchant and of Dagster; never the audit chain.",
)
def forget_what_was_kept_long_enough(
    context: dg.OpExecutionContext, config: TidyingConfig, warehouse: WarehouseResource
) -> None:
    """In small transactions, so that nobody waits; what is done when it is cut off stays done."""
    now = datetime.fromisoformat(config.now)
    forgotten: Counter[str] = Counter()
    with told_to_dagster(), warehouse.loader() as loader, warehouse.dispatcher() as dispatcher:
        with dispatcher.everyone() as session:
            merchants = [one.merchant_id for one in list_merchants(session)]
        for merchant_id in merchants:
            forgotten.update(tidy(loader, merchant_id, now=now))
    of_dagster = forget_dagsters(context.instance, before=now - RUNS_KEPT)
    context.log.info(f"of {len(merchants)} merchants {dict(forgotten)}; of Dagster {of_dagster}")


def forget_dagsters(instance: dg.DagsterInstance, *, before: datetime) -> dict[str, int]:
    """Runs with their events, and what Dagster itself never deletes; what its UI shows as the latest stays."""
    forgotten = {"runs": forget_runs(instance, before=before)}
    with own_session(instance) as session:
        if session is not None:
            forgotten["verdicts"] = forget_verdicts(session, before=before)
            forgotten["events of no run"] = forget_events_of_no_run(session, before=before)
    return forgotten


def forget_runs(instance: dg.DagsterInstance, *, before: datetime) -> int:
    """Those that ended, oldest first, with all that they told."""
    forgotten = 0
    wanted = dg.RunsFilter(statuses=ENDED, created_before=before)
    while forgotten < MOST_RUNS:
        runs = instance.get_run_records(wanted, limit=RUNS_AT_ONCE, ascending=True)
        for record in runs:
            instance.delete_run(record.dagster_run.run_id)
        forgotten += len(runs)
        if len(runs) < RUNS_AT_ONCE:
            break
    return forgotten


@dg.job(executor_def=dg.in_process_executor, description="Delete what was kept long enough.")
def tidy_up() -> None:
    """Once a night."""
    forget_what_was_kept_long_enough()


@dg.schedule(
    job=tidy_up,
    cron_schedule=EVERY_NIGHT,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def tidying(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """As of the moment that it was due."""
    now = context.scheduled_execution_time.isoformat()
    return dg.RunRequest(run_key=f"tidying-{now}", run_config={"ops": {OP: {"config": {"now": now}}}})
