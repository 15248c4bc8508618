"""Keeps what came meanwhile in one transaction, and answers each of those who wait; bounded in every direction."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from contextlib import suppress

from anyio import CapacityLimiter, to_thread

from mx_pipeline.errors import MxPipelineError, WarehouseError, WarehouseUnavailable
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.webhooks import Notification, count_strangers, receive

MOST_WAITING = 500
"""Half of what the server takes at once, so that other routes answer; more are told to come again."""
MOST_PER_BATCH = 250
BUSY_BATCH = 20
GATHER_SECONDS = 0.04
"""After a batch of that size: twenty-five transactions a second wake the workers less than two thousand would."""
COUNT_SECONDS = 60.0
"""Strangers are counted in memory, and written once a minute."""
FULL = "too many notifications at once; come again in a moment"

_log = logging.getLogger(__name__)


class InboxWriter:
    """Of one event loop, with one connection of its own: whatever MX sends, nobody else waits for a connection."""

    def __init__(self, inbox: Warehouse, *, count_seconds: float = COUNT_SECONDS) -> None:
        """Connects on first use. `inbox`: as the login that can do nothing else."""
        self._inbox, self._count_seconds = inbox, count_seconds
        self._waiting: deque[tuple[Notification, asyncio.Future[bool]]] = deque()
        self._came: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._limiter: CapacityLimiter | None = None
        self._strangers = 0
        self._count_at = time.monotonic() + self._count_seconds

    async def keep(self, notification: Notification) -> bool:
        """Once it is committed: whether its key is good. Raises WarehouseError: it is not kept."""
        if len(self._waiting) >= MOST_WAITING:
            raise WarehouseUnavailable(FULL)
        loop = asyncio.get_running_loop()
        if self._task is None or self._task.done():
            self._came, self._limiter = asyncio.Event(), CapacityLimiter(1)
            self._task = loop.create_task(self._write_on(self._came, self._limiter))
        answer: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((notification, answer))
        if self._came is not None:
            self._came.set()
        return await answer

    async def close(self) -> None:
        """What waits is written first; the connection goes back."""
        while self._waiting:
            await asyncio.sleep(GATHER_SECONDS)
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        with suppress(WarehouseError):
            if self._strangers:
                await to_thread.run_sync(count_strangers, self._inbox, self._strangers)
        self._inbox.close()

    async def _write_on(self, came: asyncio.Event, limiter: CapacityLimiter) -> None:
        while True:
            await came.wait()
            came.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_PER_BATCH))]
                await self._write(batch, limiter)
                if len(batch) >= BUSY_BATCH:
                    await asyncio.sleep(GATHER_SECONDS)

    async def _write(
        self, batch: list[tuple[Notification, asyncio.Future[bool]]], limiter: CapacityLimiter
    ) -> None:
        try:
            good = await to_thread.run_sync(
                receive, self._inbox, [notification for notification, _ in batch], limiter=limiter
            )
        except BaseException as error:
            refusal = error if isinstance(error, MxPipelineError) else WarehouseUnavailable("not kept")
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(refusal)
            if not isinstance(error, WarehouseError):
                _log.error("notifications were not kept: %s", type(error).__name__)
            if not isinstance(error, Exception):
                raise
            return
        for place, (_, answer) in enumerate(batch):
            if not answer.done():
                answer.set_result(place in good)
        self._strangers += len(batch) - len(good)
        await self._count(limiter)

    async def _count(self, limiter: CapacityLimiter) -> None:
        if not self._strangers or time.monotonic() < self._count_at:
            return
        refused, self._strangers = self._strangers, 0
        self._count_at = time.monotonic() + self._count_seconds
        _log.warning("notifications came with a key that nobody has", extra={"refused": refused})
        with suppress(WarehouseError):
            await to_thread.run_sync(count_strangers, self._inbox, refused, limiter=limiter)
