"""Asks for many records one by one, several at once, and hands them on in batches as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Semaphore
from typing import Generic, TypeAlias

from mx_pipeline.errors import MxNotFound
from mx_pipeline.records import RefusedRecord
from mx_pipeline.sync.landing import D, Fetched, find_out, is_unanswered, refuse_forbidden, what_came

UNWRITTEN_PER_CALL = 2
"""Asked for and not yet committed, for each call that may be in flight: so many calls a killed process loses.

With one, calls would wait for each commit; with two, commits of 15 ms and calls of 50 ms never wait for
each other."""
BATCH_OF_UNWRITTEN = 0.75
"""A batch is no more than this part of them, so that calls go on while it is written."""
GATHER_SECONDS = 0.02
"""A commit costs 5 ms of CPU whatever is in it, so a few answers are waited for; no longer than a call takes."""
UNANSWERED_IN_A_ROW = 5
"""One record that never answers is the vendor's; after five in a row the vendor itself is asked."""

_Landed: TypeAlias = "tuple[int, float, D | RefusedRecord | Exception] | None"
"""Id, when it was asked for, what came; None when a thread has no more to ask."""


def fetch_in_batches(
    ids: Sequence[int],
    fetch: Callable[[int], D | RefusedRecord],
    stream: str,
    *,
    in_flight: int,
    probe: Callable[[], object],
    recheck_seconds: float,
) -> Generator[list[Fetched[D]]]:
    """Answers in the order in which they come; no more calls are made at once than `in_flight`.

    A batch counts as written when the next one is asked for, and only then are others asked for in its place.
    A record that does not answer comes as refused, and so does one that is not found when it is asked for
    again after `recheck_seconds`. Several unanswered in a row are the vendor's trouble if `probe`, a call that
    needs no record, raises; whatever else the client raises is raised, after the calls in flight have ended
    and what they brought was handed on.
    """
    flight = _Flight(fetch, stream, in_flight, probe, missed=[])
    yield from flight.batches(ids)
    if flight.missed:
        # A record may be younger than what answers for it: a replica of the vendor's, or a cache.
        time.sleep(max(0.0, flight.missed_at + recheck_seconds - time.monotonic()))
        yield from _Flight(fetch, stream, in_flight, probe).batches(flight.missed)


@dataclass
class _Flight(Generic[D]):
    fetch: Callable[[int], D | RefusedRecord]
    stream: str
    in_flight: int
    probe: Callable[[], object]
    missed: list[int] | None = None
    """Where ids go that are not found, if they are to be asked for again."""
    missed_at: float = 0.0
    waiting: Iterator[int] = field(default_factory=lambda: iter(()))
    landed: SimpleQueue[_Landed[D]] = field(default_factory=SimpleQueue)
    room: Semaphore = field(init=False)
    """A call takes a place, and what it brought keeps it until it is committed."""
    judged: Semaphore = field(default_factory=lambda: Semaphore(0))
    """After trouble a thread waits until it is known whose trouble it is."""
    unanswered: int = 0
    answered: int = 0
    failure: Exception | None = None

    def __post_init__(self) -> None:
        self.room = Semaphore(self.places)

    @property
    def places(self) -> int:
        return self.in_flight * UNWRITTEN_PER_CALL

    def batches(self, ids: Sequence[int]) -> Generator[list[Fetched[D]]]:
        self.waiting = iter(ids)
        threads = max(1, min(self.in_flight, len(ids)))
        with ThreadPoolExecutor(threads, thread_name_prefix=self.stream) as pool:
            for _ in range(threads):
                pool.submit(self._fetch_on)
            try:
                yield from self._gathered(threads)
            finally:
                self.waiting = iter(())
                self.room.release(threads)
                self.judged.release(threads)
        if self.failure is not None:
            raise self.failure

    def _fetch_on(self) -> None:
        while self.room.acquire():
            mx_id = next(self.waiting, None)
            if mx_id is None:
                break
            sent_at = time.monotonic()
            try:
                self.landed.put((mx_id, sent_at, self.fetch(mx_id)))
            except Exception as error:
                self.landed.put((mx_id, sent_at, error))
                self.judged.acquire()
        self.landed.put(None)

    def _gathered(self, threads: int) -> Generator[list[Fetched[D]]]:
        batch: list[Fetched[D]] = []
        most, due_at = max(1, int(self.places * BATCH_OF_UNWRITTEN)), 0.0
        while threads:
            try:
                one = self.landed.get(timeout=max(0.0, due_at - time.monotonic()) if batch else None)
            except Empty:
                yield from self._handed_on(batch)
                batch = []
                continue
            fetched = None if one is None else self._judged(one)
            threads -= one is None
            if fetched is None:
                self.room.release()
                continue
            if not batch:
                due_at = time.monotonic() + GATHER_SECONDS
            batch.append(fetched)
            if len(batch) == most:
                yield from self._handed_on(batch)
                batch = []
        if batch:
            yield batch

    def _handed_on(self, batch: list[Fetched[D]]) -> Generator[list[Fetched[D]]]:
        yield batch
        self.room.release(len(batch))

    def _judged(self, one: tuple[int, float, D | RefusedRecord | Exception]) -> Fetched[D] | None:
        """What came; None where it is to be asked for again, or where all is over."""
        try:
            fetched = what_came(*one, self.stream)
            refuse_forbidden(fetched, self.answered)
            self.unanswered = self.unanswered + 1 if is_unanswered(fetched) else 0
            self.answered += not self.unanswered
            if self.unanswered >= UNANSWERED_IN_A_ROW and self.failure is None:
                find_out(fetched, self.probe)
                self.unanswered = 0
        except Exception as error:
            # Nothing new is sent; what is in flight lands, and is kept.
            self.failure = self.failure or error
            self.waiting = iter(())
            return None
        finally:
            if isinstance(one[2], Exception):
                self.judged.release()
        if self.missed is not None and isinstance(fetched.trouble, MxNotFound):
            self.missed.append(fetched.mx_id)
            self.missed_at = time.monotonic()
            return None
        return fetched
