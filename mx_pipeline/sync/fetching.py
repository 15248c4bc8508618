"""Asks for many records one by one, several at once, and hands them on in batches as they come."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Semaphore
from typing import TypeAlias

from mx_pipeline.errors import MxApiError, MxNotFound
from mx_pipeline.records import RefusedRecord
from mx_pipeline.sync.landing import D, Fetched, find_out, is_unanswered, refuse_forbidden, what_came

RECORDS_PER_BATCH = 50
"""What a batch loses when the process dies is at most this many calls."""
UNANSWERED_IN_A_ROW = 5
"""One record that never answers is the vendor's; after five in a row the vendor itself is asked."""

_Landed: TypeAlias = "tuple[int, float, D | RefusedRecord | Exception] | None"
"""Id, when it was asked for, what came; None when a thread has no more to ask."""


def fetch_each(
    ids: Sequence[int],
    fetch: Callable[[int], D | RefusedRecord],
    stream: str,
    *,
    in_flight: int,
    probe: Callable[[], object],
    recheck_seconds: float,
) -> Generator[Fetched[D]]:
    """Answers in the order in which they come; no more calls are made at once than `in_flight`.

    A record that does not answer comes as refused, and so does one that is not found when it is asked for
    again after `recheck_seconds`. Several unanswered in a row are the vendor's trouble if `probe`, a call that
    needs no record, raises; whatever else the client raises is raised, after the calls in flight have ended.
    """
    missed: list[int] = []
    missed_at = 0.0
    for fetched in _fetch(ids, fetch, stream, in_flight, probe):
        if isinstance(fetched.trouble, MxNotFound):
            missed.append(fetched.mx_id)
            missed_at = time.monotonic()
        else:
            yield fetched
    if missed:
        # A record may be younger than what answers for it: a replica of the vendor's, or a cache.
        time.sleep(max(0.0, missed_at + recheck_seconds - time.monotonic()))
        yield from _fetch(missed, fetch, stream, in_flight, probe)


def in_batches(fetched: Iterator[Fetched[D]]) -> Iterator[list[Fetched[D]]]:
    """Lists of at most RECORDS_PER_BATCH; what came before an error is handed on before it is raised."""
    batch: list[Fetched[D]] = []
    try:
        for one in fetched:
            batch.append(one)
            if len(batch) == RECORDS_PER_BATCH:
                yield batch
                batch = []
    except MxApiError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _fetch(
    ids: Sequence[int],
    fetch: Callable[[int], D | RefusedRecord],
    stream: str,
    in_flight: int,
    probe: Callable[[], object],
) -> Iterator[Fetched[D]]:
    waiting = deque(ids)
    landed: SimpleQueue[_Landed[D]] = SimpleQueue()
    # Calls go on while a batch is written, but no further than the next one.
    room = Semaphore(in_flight + RECORDS_PER_BATCH)
    # After trouble a thread waits until it is known whose trouble it is.
    judged = Semaphore(0)

    def fetch_on() -> None:
        while room.acquire():
            try:
                mx_id = waiting.popleft()
            except IndexError:
                break
            sent_at = time.monotonic()
            try:
                landed.put((mx_id, sent_at, fetch(mx_id)))
            except Exception as error:
                landed.put((mx_id, sent_at, error))
                judged.acquire()
        landed.put(None)

    flying = min(in_flight, len(ids))
    with ThreadPoolExecutor(max(1, flying), thread_name_prefix=stream) as pool:
        for _ in range(flying):
            pool.submit(fetch_on)
        try:
            yield from _judged(landed, flying, waiting, room, judged, stream, probe)
        finally:
            waiting.clear()
            room.release(max(1, flying))
            judged.release(max(1, flying))


def _judged(
    landed: SimpleQueue[_Landed[D]],
    flying: int,
    waiting: deque[int],
    room: Semaphore,
    judged: Semaphore,
    stream: str,
    probe: Callable[[], object],
) -> Iterator[Fetched[D]]:
    unanswered = answered = 0
    failure: Exception | None = None
    while flying:
        one = landed.get()
        room.release()
        if one is None:
            flying -= 1
            continue
        try:
            fetched = what_came(*one, stream)
            refuse_forbidden(fetched, answered)
            unanswered = unanswered + 1 if is_unanswered(fetched) else 0
            answered += not unanswered
            if unanswered >= UNANSWERED_IN_A_ROW and failure is None:
                find_out(fetched, probe)
                unanswered = 0
        except Exception as error:
            # Nothing new is sent; what is in flight lands, and is kept.
            failure = failure or error
            waiting.clear()
            continue
        finally:
            if isinstance(one[2], Exception):
                judged.release()
        yield fetched
    if failure is not None:
        raise failure
