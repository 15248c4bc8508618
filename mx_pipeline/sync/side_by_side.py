"""Syncs many merchants, a few at a time, each through all its phases; whoever leaves early has stopped them all."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TypeAlias

from mx_pipeline.correlation import carry_on, correlation
from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.sync.stopping import StopSign

MERCHANTS_AT_ONCE = 4
LOOK_SECONDS = 1.0
LEFT = "whoever ran it was told to stop"

Sync: TypeAlias = Callable[[int, StopSign], "SyncReport | None"]
"""One merchant's; the report says whatever went wrong. None where there was nothing to do."""
Overtaken: TypeAlias = Callable[[Sequence[int]], "set[int]"]


def side_by_side(
    merchants: Sequence[int],
    sync: Sync,
    *,
    stop: StopSign,
    overtaken: Overtaken | None = None,
    at_once: int = MERCHANTS_AT_ONCE,
) -> Generator[SyncReport]:
    """Reports as they come. `stop`: of this process; `overtaken`: which of those under way have to give way.

    Where the caller stops taking them, as when a person terminates its run, those under way end with the page
    that they write, and the others do not begin.
    """
    signs = {merchant: StopSign(above=stop) for merchant in merchants}
    landed: SimpleQueue[Future[SyncReport | None]] = SimpleQueue()
    under_way = set[int]()

    def begin(merchant: int) -> SyncReport | None:
        under_way.add(merchant)
        try:
            return sync(merchant, signs[merchant])
        finally:
            under_way.discard(merchant)

    pool = ThreadPoolExecutor(
        at_once, thread_name_prefix="merchant", initializer=carry_on, initargs=(correlation(),)
    )
    try:
        for merchant in merchants:
            pool.submit(begin, merchant).add_done_callback(landed.put)
        left, look_at = len(merchants), time.monotonic() + LOOK_SECONDS
        while left:
            if overtaken is not None and time.monotonic() >= look_at:
                for merchant in overtaken(sorted(under_way)):
                    signs[merchant].raise_it("somebody is waiting for this merchant, and goes first")
                look_at = time.monotonic() + LOOK_SECONDS
            try:
                report = landed.get(timeout=LOOK_SECONDS).result()
            except Empty:
                continue
            left -= 1
            if report is not None:
                yield report
    finally:
        for sign in signs.values():
            sign.raise_it(LEFT, for_good=True)
        pool.shutdown(cancel_futures=True)
