"""The clock: once a minute it asks whose turn it is, and shares them out among a few rounds."""

import math
from collections.abc import Mapping

import dagster as dg

from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.defs.rounds import OP, sync_round
from mx_pipeline.defs.sensors import NOT_YET, dispatching
from mx_pipeline.warehouse.due import calls_forecast, due_merchants

EVERY_MINUTE = "* * * * *"
CALLS_PER_ROUND = 250
"""A run costs 2 to 4 s of CPU before its first call; so many calls take about as long on one core."""
ROUNDS_AT_ONCE = 4
"""Larger fleets get larger rounds, not more of them: see the limit on mx/round in dagster.yaml."""
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@dg.schedule(
    job=sync_round,
    cron_schedule=EVERY_MINUTE,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def rounds(
    context: dg.ScheduleEvaluationContext, warehouse: WarehouseResource
) -> list[dg.RunRequest] | dg.SkipReason:
    """Start rounds over those whose turn it is and that are in none yet."""
    now = context.scheduled_execution_time
    taken = merchants_in_rounds(context.instance)
    try:
        with dispatching(warehouse) as session:
            due = due_merchants(session, now=now)
            left = [one for one in due if one.merchant_id not in taken]
            calls = calls_forecast(session, left)
    except NOT_YET as error:
        return dg.SkipReason(str(error))
    if not left:
        return dg.SkipReason(
            f"{len(due)} merchants are due, all in a round already" if due else "nobody is due"
        )
    return [
        dg.RunRequest(
            run_key=f"round-{now.isoformat()}-{number}",
            run_config={"ops": {OP: {"config": {"planned_at": now.isoformat(), "merchants": merchants}}}},
        )
        for number, merchants in enumerate(
            shared_out({one.merchant_id: calls[one.merchant_id] for one in left})
        )
    ]


def shared_out(calls: Mapping[int, int]) -> list[list[int]]:
    """About as many calls for each round; in each the merchants stay in their order, longest due first."""
    number = min(ROUNDS_AT_ONCE, math.ceil(sum(calls.values()) / CALLS_PER_ROUND), len(calls))
    rounds, load = [list[int]() for _ in range(number)], [0] * number
    for merchant, of_this in calls.items():
        lightest = load.index(min(load))
        rounds[lightest].append(merchant)
        load[lightest] += of_this
    return rounds


def merchants_in_rounds(instance: dg.DagsterInstance) -> set[int]:
    """Those that some round has not come to its end with: a row of theirs may not say so yet."""
    unfinished = instance.get_runs(dg.RunsFilter(job_name=sync_round.name, statuses=UNFINISHED))
    configs = [run.run_config.get("ops", {}).get(OP, {}).get("config", {}) for run in unfinished]
    return {merchant for config in configs for merchant in config.get("merchants", [])}
