"""Assets that the clock asks for, of every merchant, while clinics sleep: ranges of partitions, one run at a time."""

from __future__ import annotations

from importlib.util import find_spec

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PRIORITY_TAG,
)

from mx_pipeline.defs.partitions import merchants

NIGHT_TAG = {"mx/night": "yes"}
"""By which dagster.yaml lets one of these runs go at a time."""
AFTER_ALL_OTHERS = "-1"


def over_all_merchants(
    context: dg.ScheduleEvaluationContext, *, merchants_per_run: int, needs: str, extra: str
) -> list[dg.RunRequest] | dg.SkipReason:
    """Runs over all partitions there are, in Dagster's own order; none where a package is not installed."""
    if find_spec(needs) is None:
        return dg.SkipReason(
            f"{needs} is not installed here: pip install 'mx_pipeline[{extra}]', or stop this schedule"
        )
    keys = context.instance.get_dynamic_partitions(str(merchants.name))
    if not keys:
        return dg.SkipReason("there is no active merchant")
    planned = context.scheduled_execution_time.isoformat()
    return [
        dg.RunRequest(
            run_key=f"{planned}-{number}",
            tags={
                ASSET_PARTITION_RANGE_START_TAG: first_to_last[0],
                ASSET_PARTITION_RANGE_END_TAG: first_to_last[-1],
                PRIORITY_TAG: AFTER_ALL_OTHERS,
                **NIGHT_TAG,
            },
        )
        for number, start in enumerate(range(0, len(keys), merchants_per_run))
        for first_to_last in [keys[start : start + merchants_per_run]]
    ]
