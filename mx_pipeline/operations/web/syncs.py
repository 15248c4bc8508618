"""`/api/sync…`: ask for a sync, look how far it is, cancel it; and what was asked before."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Annotated

from fastapi import APIRouter, Body, Header, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from mx_pipeline.operations.at_work import AtWork
from mx_pipeline.operations.web.callers import Here
from mx_pipeline.operations.web.documenting import PROBLEMS
from mx_pipeline.operations.web.questions import Filters, MerchantId
from mx_pipeline.operations.web.sync_answers import (
    SyncAnswer,
    SyncNow,
    SyncSummary,
    answer_of,
    summary_of,
    sync_of,
)
from mx_pipeline.operations.web.sync_ids import AskedId, SyncId
from mx_pipeline.operations.web.sync_questions import SyncQuestion
from mx_pipeline.operations.web.syncing import ask_for_sync, cancel_sync, look_at_sync, syncs_of
from mx_pipeline.warehouse.watching import Watched
from mx_pipeline.words import LARGEST_MX_ID

router = APIRouter(prefix="/api", tags=["syncs"], responses=PROBLEMS)
WAIT = re.compile(r"(?:^|,)\s*wait\s*=\s*([0-9]{1,4})\s*(?:;|,|$)", re.ASCII)
MOST_WAIT_SECONDS = 60
LOOK_SECONDS = (0.1, 0.2, 0.3, 0.5)
"""At first often; a sync of 20 takes half a second."""


@router.post(
    "/sync/manual",
    summary="Ask for a sync now",
    status_code=202,
    response_model=SyncNow,
    responses={200: {"model": SyncAnswer, "description": "It is done; only with Prefer: wait=…"}},
)
async def ask(
    here: Here,
    question: Annotated[SyncQuestion, Body()],
    prefer: Annotated[str | None, Header(description="wait=60 waits so many seconds for the end.")] = None,
) -> Response:
    """202 with a Location to watch it at; who asks for what is being synced joins that sync."""
    request = question.as_request(here.person.actor)
    sync = await run_in_threadpool(ask_for_sync, here, question.merchant_id, request)
    seconds = _seconds_to_wait(prefer)
    watched = await _watched_until(here, sync, seconds)
    headers = {"Location": f"/api/sync/{sync}"}
    if seconds:
        headers["Preference-Applied"] = f"wait={seconds}"
    if seconds and watched.is_done:
        return JSONResponse(answer_of(watched).model_dump(mode="json"), 200, headers)
    return JSONResponse(sync_of(watched).model_dump(mode="json"), 202, headers)


@router.get("/sync/{id}", summary="How far a sync is, and what it came to")
def look(here: Here, sync: AskedId) -> SyncNow:
    """Counts are of committed rows; 100 percent only with the outcome."""
    return sync_of(look_at_sync(here, sync))


class Cancelling(BaseModel):
    """What became of it."""

    id: str
    result: Annotated[str, Field(description="cancelled, stopping, goes on for others, or already done")]


@router.delete("/sync/{id}", summary="Cancel a sync")
def stop(here: Here, sync: AskedId) -> Cancelling:
    """One that waits ends at once, one that runs within a page; what is committed stays."""
    return Cancelling(id=str(sync), result=cancel_sync(here, sync))


class HistoryFilters(Filters):
    """Of whose syncs, and from where on."""

    merchant_id: MerchantId
    limit: Annotated[int, Field(ge=1, le=200)] = 20
    cursor: Annotated[int | None, Field(ge=1, le=LARGEST_MX_ID)] = None


class SyncPage(BaseModel):
    """Some of them, and where the next ones begin."""

    syncs: list[SyncSummary]
    next_cursor: int | None


@router.get("/syncs", summary="What was asked for, newest first")
def earlier(here: Here, filters: Annotated[HistoryFilters, Query()]) -> SyncPage:
    """Everyone's requests: people's, the schedule's, the vendor's notifications'."""
    found = syncs_of(here, filters.merchant_id, before=filters.cursor, most=filters.limit + 1)
    shown = found[: filters.limit]
    more = shown[-1].request_id if len(found) > filters.limit else None
    return SyncPage(syncs=[summary_of(one) for one in shown], next_cursor=more)


async def _watched_until(here: AtWork, sync: SyncId, seconds: int) -> Watched:
    """When it is done, or time is over; no thread is held meanwhile."""
    deadline = time.monotonic() + seconds
    watched = await run_in_threadpool(look_at_sync, here, sync)
    looks = 0
    while not watched.is_done and time.monotonic() < deadline:
        await asyncio.sleep(LOOK_SECONDS[min(looks, len(LOOK_SECONDS) - 1)])
        looks += 1
        watched = await run_in_threadpool(look_at_sync, here, sync)
    return watched


def _seconds_to_wait(prefer: str | None) -> int:
    found = WAIT.search(prefer or "")
    return min(int(found[1]), MOST_WAIT_SECONDS) if found else 0
