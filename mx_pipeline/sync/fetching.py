"""Asks for many records one by one, several at once, and hands them on in batches as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Semaphore
from types import TracebackType
from typing import Generic, Self, TypeAlias

from mx_pipeline.errors import MxNotFound
from mx_pipeline.records import RefusedRecord
from mx_pipeline.sync.landing import D, Fetched, find_out, is_unanswered, refuse_forbidden, what_came
from mx_pipeline.sync.wanted import Wanted

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


@dataclass(frozen=True)
class Asking(Generic[D]):
    """How records of one stream are asked for."""

    fetch: Callable[[int], D | RefusedRecord]
    stream: str
    in_flight: int
    """No more calls are made at once."""
    probe: Callable[[], object]
    """A call that needs no record: several unanswered in a row are the vendor's trouble if it raises."""
    recheck_seconds: float
    """A record that is not found is asked for once more, so long after."""


@dataclass
class Flight(Generic[D]):
    """Calls under way, for the length of a `with` block; answers come in batches, in the order of their coming.

    A batch counts as written when the next one is asked for, and only then are others asked for in its place.
    A record that does not answer comes as refused.
    """

    asking: Asking[D]
    is_second: bool = False
    """What is not found now is not there."""
    missed: list[int] = field(default_factory=list[int])
    """Not found, and worth another call, at `missed_at` plus some time."""
    missed_at: float = 0.0
    failure: Exception | None = None
    """The vendor's trouble, or ours: nothing more is sent, and what had been sent lands and is handed on."""
    _wanted: Wanted = field(default_factory=Wanted)
    _landed: SimpleQueue[_Landed[D]] = field(default_factory=SimpleQueue)
    _room: Semaphore = field(init=False)
    """A call takes a place, and what it brought keeps it until it is committed."""
    _judged: Semaphore = field(default_factory=lambda: Semaphore(0))
    """After trouble a thread waits until it is known whose trouble it is."""
    _pool: ThreadPoolExecutor = field(init=False)
    _flying: int = 0
    _unanswered: int = 0
    _answered: int = 0

    def __post_init__(self) -> None:
        """Threads are begun as there is something to ask."""
        self._room = Semaphore(self._places)
        self._pool = ThreadPoolExecutor(self.asking.in_flight, thread_name_prefix=self.asking.stream)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is in flight any more; what landed and was not taken is forgotten."""
        self._wanted.forget()
        self._room.release(self.asking.in_flight)
        self._judged.release(self.asking.in_flight)
        self._pool.shutdown()

    def ask(self, ids: Sequence[int]) -> None:
        """Ask for these too."""
        self._wanted.add(ids)
        for _ in range(min(self.asking.in_flight - self._flying, len(ids))):
            self._flying += 1
            self._pool.submit(self._fetch_on)

    def landed(self) -> Generator[list[Fetched[D]]]:
        """What has come by now; waits for nothing."""
        return self._batches(wait=False)

    def rest(self) -> Generator[list[Fetched[D]]]:
        """Everything that is still to come."""
        self._wanted.complete()
        return self._batches(wait=True)

    def stop(self) -> None:
        """Ask for nothing more."""
        self._wanted.forget()

    @property
    def _places(self) -> int:
        return self.asking.in_flight * UNWRITTEN_PER_CALL

    def _fetch_on(self) -> None:
        while self._room.acquire():
            mx_id = self._wanted.take()
            if mx_id is None:
                break
            sent_at = time.monotonic()
            try:
                self._landed.put((mx_id, sent_at, self.asking.fetch(mx_id)))
            except Exception as error:
                self._landed.put((mx_id, sent_at, error))
                self._judged.acquire()
        self._landed.put(None)

    def _batches(self, *, wait: bool) -> Generator[list[Fetched[D]]]:
        batch: list[Fetched[D]] = []
        most, due_at = max(1, int(self._places * BATCH_OF_UNWRITTEN)), 0.0
        while self._flying:
            patience = max(0.0, due_at - time.monotonic()) if batch else None
            try:
                one = self._landed.get(timeout=patience if wait else 0)
            except Empty:
                if not wait:
                    break
                yield from self._handed_on(batch)
                batch = []
                continue
            fetched = None if one is None else self._judge(one)
            self._flying -= one is None
            if fetched is None:
                self._room.release()
                continue
            if not batch:
                due_at = time.monotonic() + GATHER_SECONDS
            batch.append(fetched)
            if len(batch) == most:
                yield from self._handed_on(batch)
                batch = []
        if batch:
            yield from self._handed_on(batch)

    def _handed_on(self, batch: list[Fetched[D]]) -> Generator[list[Fetched[D]]]:
        yield batch
        self._room.release(len(batch))

    def _judge(self, one: tuple[int, float, D | RefusedRecord | Exception]) -> Fetched[D] | None:
        """What came; None where it is to be asked for again, or where all is over."""
        try:
            fetched = what_came(*one, self.asking.stream)
            refuse_forbidden(fetched, self._answered)
            self._unanswered = self._unanswered + 1 if is_unanswered(fetched) else 0
            self._answered += not self._unanswered
            if self._unanswered >= UNANSWERED_IN_A_ROW and self.failure is None:
                find_out(fetched, self.asking.probe)
                self._unanswered = 0
        except Exception as error:
            self.failure = self.failure or error
            self._wanted.forget()
            return None
        finally:
            if isinstance(one[2], Exception):
                self._judged.release()
        if not self.is_second and isinstance(fetched.trouble, MxNotFound):
            self.missed.append(fetched.mx_id)
            self.missed_at = time.monotonic()
            return None
        return fetched


def to_the_end(flight: Flight[D]) -> Generator[list[Fetched[D]]]:
    """The rest of the flight, then what it has missed once more. Raises what went wrong, after all that came."""
    with flight:
        yield from flight.rest()
    if flight.failure is not None:
        raise flight.failure
    if flight.missed:
        # A record may be younger than what answers for it: a replica of the vendor's, or a cache.
        time.sleep(max(0.0, flight.missed_at + flight.asking.recheck_seconds - time.monotonic()))
        again = Flight(flight.asking, is_second=True)
        again.ask(flight.missed)
        yield from to_the_end(again)
