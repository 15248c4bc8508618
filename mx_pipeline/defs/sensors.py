"""The sensors keep nothing in memory: partitions follow the merchants' rows, runs follow the requests' rows."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import dagster as dg

from mx_pipeline.correlation import plain_id
from mx_pipeline.defs.cancels import keep_cancels
from mx_pipeline.defs.jobs import sync_merchant
from mx_pipeline.defs.partitions import merchants, partition_of
from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.defs.syncing import tags_of_request
from mx_pipeline.errors import BadSettings, WarehouseNotReady, WarehouseUnavailable
from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.dispatching import (
    mark_launched,
    notice_unanswered,
    recover_lost,
    waiting_requests,
)
from mx_pipeline.warehouse.merchants import active_merchants
from mx_pipeline.warehouse.notified import ask_for_what_is_named

Change: TypeAlias = dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest

SECONDS_BETWEEN_TICKS = 1
"""The daemon looks every 5 seconds at most, but asking for 5 makes it skip every other look (seen 2026-11-23)."""
REQUESTS_PER_TICK = 100
"""The daemon submits a run in 57 ms, and a tick must end within 60 s."""
PARTITIONS = str(merchants.name)
NOT_YET = (BadSettings, WarehouseNotReady, WarehouseUnavailable)
"""What a person has to set up first, or what passes: a reason to wait, not an error every 5 seconds."""


@dg.sensor(minimum_interval_seconds=SECONDS_BETWEEN_TICKS, default_status=dg.DefaultSensorStatus.RUNNING)
def merchant_partitions(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource
) -> dg.SensorResult | dg.SkipReason:
    """Keep the partitions equal to the active merchants."""
    try:
        with dispatching(warehouse) as session:
            wanted = [partition_of(merchant_id) for merchant_id in active_merchants(session)]
    except NOT_YET as error:
        return dg.SkipReason(str(error))
    known = context.instance.get_dynamic_partitions(PARTITIONS)
    requests = changes(wanted=wanted, known=known)
    if not requests:
        return dg.SkipReason(f"{len(known)} active merchants, each with its partition")
    return dg.SensorResult(dynamic_partitions_requests=requests)


@dg.sensor(
    job=sync_merchant,
    minimum_interval_seconds=SECONDS_BETWEEN_TICKS,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def sync_requests(
    context: dg.SensorEvaluationContext, warehouse: WarehouseResource
) -> dg.SensorResult | dg.SkipReason:
    """Launch a run for every request that nobody has claimed; who claims it first answers it."""
    try:
        with warehouse.dispatcher() as dispatcher, warehouse.loader() as loader:
            ask_for_what_is_named(dispatcher, loader)
            with dispatcher.everyone() as session:
                recover_lost(session)
                unanswered = notice_unanswered(session)
            keep_cancels(context.instance, dispatcher, loader)
        with dispatching(warehouse) as session:
            waiting = waiting_requests(session, most=REQUESTS_PER_TICK)
            mark_launched(session, waiting)
    except NOT_YET as error:
        return dg.SkipReason(str(error))
    for alert in unanswered:
        context.log.error(alert)
    if not waiting:
        return dg.SkipReason("no request waits")
    known = context.instance.get_dynamic_partitions(PARTITIONS)
    asked = list(dict.fromkeys(partition_of(row.merchant_id) for row in waiting))
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"request-{row.merchant_id}-{row.request_id}-{row.attempt + 1}",
                partition_key=partition_of(row.merchant_id),
                tags=tags_of_request(row.request_id, plain_id(row.correlation_id)),
            )
            for row in waiting
        ],
        dynamic_partitions_requests=changes(wanted=[*known, *asked], known=known),
    )


@contextmanager
def dispatching(warehouse: WarehouseResource) -> Generator[Session]:
    """One transaction of the dispatcher, who sees every merchant's requests and no data."""
    with warehouse.dispatcher() as dispatcher, dispatcher.everyone() as session:
        yield session


def changes(*, wanted: Sequence[str], known: Sequence[str]) -> list[Change]:
    """What makes the known partitions the wanted ones."""
    now, then = set(wanted), set(known)
    missing = [key for key in wanted if key not in then]
    surplus = [key for key in known if key not in now]
    return [
        *([merchants.build_add_request(missing)] if missing else []),
        *([merchants.build_delete_request(surplus)] if surplus else []),
    ]
