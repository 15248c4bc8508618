"""`GET /api/sync/{id}/events`: server-sent events of one sync, from now to its end, as long as its watcher may."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from mx_pipeline.errors import AccessDenied, MxPipelineError, TooManyRequests, WarehouseUnavailable
from mx_pipeline.operations.web.callers import Here, identified
from mx_pipeline.operations.web.documenting import PROBLEMS
from mx_pipeline.operations.web.how_far import ALMOST
from mx_pipeline.operations.web.office import office_of
from mx_pipeline.operations.web.sync_answers import SyncNow, sync_of
from mx_pipeline.operations.web.sync_ids import AskedId
from mx_pipeline.operations.web.syncing import look_at_sync
from mx_pipeline.warehouse.watching import Watched

router = APIRouter(prefix="/api", tags=["syncs"], responses=PROBLEMS)
LOOK_EVERY_SECONDS = 0.4
KEEP_ALIVE_SECONDS = 15.0
LONGEST_SECONDS = 600.0
"""Then it ends, and the browser comes again where it was."""
COME_AGAIN_MS = 2_000
MOST_OF_ONE = 10
"""A person's streams at once: a few tabs."""
MOST_OF_ALL = 200
THREADS = 4
"""All streams look through these, so that they never take those of other routes."""
TOO_MANY = "that many syncs are being watched already; close another window, or look with GET /api/sync/{id}"


@dataclass
class Watchers:
    """How many streams there are; touched on the loop alone."""

    open: Counter[str] = field(default_factory=Counter[str])
    threads: CapacityLimiter | None = None

    def enter(self, who: str) -> None:
        """Raises TooManyRequests."""
        if self.open[who] >= MOST_OF_ONE or self.open.total() >= MOST_OF_ALL:
            raise TooManyRequests(TOO_MANY, retry_after_seconds=COME_AGAIN_MS / 1000)
        self.open[who] += 1

    def leave(self, who: str) -> None:
        """One stream less."""
        self.open[who] -= 1
        self.open += Counter()

    async def look(self, what: Callable[[], Watched]) -> Watched:
        """On one of the streams' own threads."""
        self.threads = self.threads or CapacityLimiter(THREADS)
        return await to_thread.run_sync(what, limiter=self.threads)


@router.get(
    "/sync/{id}/events",
    summary="Watch a sync to its end",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Events."}
    },
)
async def events(
    request: Request,
    here: Here,
    sync: AskedId,
    last_event_id: Annotated[str | None, Header(description="Where an earlier stream was cut off.")] = None,
) -> StreamingResponse:
    """`progress` as GET /api/sync/{id} tells it, whenever it changed; `done` at the end; `denied` where the
    permission went. The percentage never falls, also across a reconnection with Last-Event-ID."""
    office = office_of(request)
    watchers: Watchers = request.app.state.watchers
    first = await run_in_threadpool(look_at_sync, here, sync)

    def look() -> Watched:
        # Who this is, and what they may, as of now: a revoked token, session or permission ends the stream.
        return look_at_sync(identified(request, office, is_use=False).here, sync)

    watchers.enter(here.person.user_id)
    body = _Stream(first, look, watchers, here.person.user_id, _percent_before(last_event_id))
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
    return _Released(body.events(), body.close, headers)


class _Released(StreamingResponse):
    """Gives its place back however it ends, also where nothing of it was ever sent."""

    def __init__(
        self, events: AsyncGenerator[str], close: Callable[[], None], headers: dict[str, str]
    ) -> None:
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._close = close

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()


@dataclass
class _Stream:
    """One connection's view."""

    now: Watched
    look: Callable[[], Watched]
    watchers: Watchers
    who: str
    percent: int
    _is_open: bool = True

    async def events(self) -> AsyncGenerator[str]:
        yield f"retry: {COME_AGAIN_MS}\n\n"
        end, heard, told = time.monotonic() + LONGEST_SECONDS, time.monotonic(), ""
        while True:
            event = self._told()
            body = event.model_dump_json()
            if body != told:
                name = "done" if event.status == "done" else "progress"
                yield f"id: {event.percent}\nevent: {name}\ndata: {body}\n\n"
                told, heard = body, time.monotonic()
            if event.status == "done" or time.monotonic() > end:
                return
            if time.monotonic() - heard > KEEP_ALIVE_SECONDS:
                yield ": still there\n\n"
                heard = time.monotonic()
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            try:
                self.now = await self.watchers.look(self.look)
            except WarehouseUnavailable:
                continue
            except MxPipelineError as error:
                yield _last_word(error)
                return

    def _told(self) -> SyncNow:
        """What was told once stays true: another process that goes on begins its count anew."""
        event = sync_of(self.now)
        self.percent = max(self.percent, event.percent)
        return event.model_copy(update={"percent": self.percent})

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self.watchers.leave(self.who)


def _last_word(error: MxPipelineError) -> str:
    name = "denied" if isinstance(error, AccessDenied) else "ended"
    return f"event: {name}\ndata: {json.dumps({'code': error.code, 'detail': str(error)})}\n\n"


def _percent_before(last_event_id: str | None) -> int:
    text = last_event_id or ""
    return (
        min(int(text), ALMOST) if text.isascii() and text.isdigit() and len(text) <= len(str(ALMOST)) else 0
    )
