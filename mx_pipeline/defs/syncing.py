"""How a Dagster run becomes syncs: of the request that it was launched for, or of every merchant it was given."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

import dagster as dg
from dagster._core.storage.tags import RETRY_NUMBER_TAG

from mx_pipeline.defs.failures import end_as_cancelled
from mx_pipeline.defs.partitions import merchant_of
from mx_pipeline.errors import BadInput
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.sync.orders import Phase, SyncReport
from mx_pipeline.sync.side_by_side import side_by_side
from mx_pipeline.sync.stopping import StopSign
from mx_pipeline.warehouse.cancelling import was_cancelled
from mx_pipeline.warehouse.requests import SyncRequest

REQUEST_TAG = "mx/request"
"""On a run that was launched for a sync request: the request's number."""
CORRELATION_TAG = "mx/correlation"
"""Of the call or the command that asked for it, where there was one."""
WORKER_TAG = "mx/worker"
"""On a run that a warm worker runs in its own process: which one."""
RUNS_IN_TAG = {"mx/runs_in": "worker"}
"""The same for all of them, since Dagster finds runs by a tag's value only."""
ASKED_BY = "dagster"


def tags_of_request(request_id: int, correlation_id: str | None) -> dict[str, str]:
    """By which a request's run is found."""
    correlation = {} if correlation_id is None else {CORRELATION_TAG: correlation_id}
    return {REQUEST_TAG: str(request_id), **correlation}


def answerer_name(run: dg.DagsterRun) -> str:
    """Who claims the request: a run and its retries are one, so that a retry goes on with what a lost process had."""
    return answerer_of(run.root_run_id or run.run_id)


def answerer_of(run_id: str) -> str:
    """The name under which the run with this id claims."""
    return f"dagster:{run_id}"


def is_being_cancelled(context: dg.AssetExecutionContext) -> bool:
    """Has a person pressed Terminate?"""
    run = context.instance.get_run_by_id(context.run.run_id)
    return run is not None and run.status == dg.DagsterRunStatus.CANCELING


def merchants_of(context: dg.AssetExecutionContext) -> list[int]:
    """The merchants of this run, in the order that Dagster gives; none where it was started without a partition."""
    if not (context.has_partition_key or context.has_partition_key_range):
        return []
    return [merchant_of(key) for key in context.partition_keys]


def phases_of(context: dg.AssetExecutionContext) -> frozenset[Phase]:
    """The phases whose assets are selected; none where only checks are."""
    return frozenset(Phase(key.path[-1]) for key in context.selected_asset_keys)


def reports(context: dg.AssetExecutionContext, answerer: Answerer) -> Generator[SyncReport]:
    """Sync; reports come as merchants end. A request that somebody else answers is not asked again."""
    merchants, phases, run = merchants_of(context), phases_of(context), context.run
    if not phases:
        return
    request = run.tags.get(REQUEST_TAG)
    if request is not None and len(merchants) == 1:
        try:
            yield answerer.answer(merchants[0], int(request), phases=phases, dagster_run_id=run.run_id)
        except BadInput as taken:
            if run.parent_run_id is None or RETRY_NUMBER_TAG in run.tags:
                _heed_cancelling(context, answerer, merchants[0], int(request))
            if run.parent_run_id is None:
                context.log.info(f"nothing to do: {taken}")
                return
            context.log.info(f"run again by hand, so the merchant is synced anew: {taken}")
        else:
            return
    wish = SyncRequest(asked_by=ASKED_BY, asked_through="dagster")

    def sync(merchant: int, stop: StopSign) -> SyncReport:
        return answerer.ask_and_answer(merchant, wish, phases=phases, dagster_run_id=run.run_id, stop=stop)

    with closing(side_by_side(merchants, sync, stop=answerer.stop)) as ended:
        yield from ended


def _heed_cancelling(
    context: dg.AssetExecutionContext, answerer: Answerer, merchant: int, request: int
) -> None:
    """Cancelled while this run waited for a worker; a run that a person starts again by hand is another matter."""
    with answerer.warehouse.merchant(merchant) as tenant:
        is_cancelled = was_cancelled(tenant, request)
    if is_cancelled:
        end_as_cancelled(context, f"request {request} was cancelled before this run began")
