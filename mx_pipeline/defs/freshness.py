"""Who is late shows in the UI though nothing runs: a merchant that is not synced gets no verdict of its own."""

import dagster as dg

from mx_pipeline.defs.checks import IS_FRESH
from mx_pipeline.defs.partitions import partition_of
from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.defs.sensors import NOT_YET, dispatching
from mx_pipeline.warehouse.freshness import freshness

SECONDS_BETWEEN_LOOKS = 600
"""Each look is one row of Dagster's event log: 52,560 a year, however many merchants there are."""
MOST_NAMED = 1000


@dg.sensor(
    minimum_interval_seconds=SECONDS_BETWEEN_LOOKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def merchants_are_fresh(warehouse: WarehouseResource) -> dg.SensorResult | dg.SkipReason:
    """One verdict over all active merchants, which names the late ones, the latest first."""
    try:
        with dispatching(warehouse) as session:
            found = freshness(session)
    except NOT_YET as error:
        return dg.SkipReason(str(error))
    late = [partition_of(one.merchant_id) for one in found if one.is_late]
    verdict = dg.AssetCheckEvaluation(
        asset_key=IS_FRESH.asset_key,
        check_name=IS_FRESH.name,
        passed=not late,
        description=f"{len(late)} of {len(found)} active merchants are late",
        metadata={
            "failing_merchants": dg.JsonMetadataValue(late[:MOST_NAMED]),
            "late": len(late),
            "active": len(found),
        },
    )
    return dg.SensorResult(asset_events=[verdict])
