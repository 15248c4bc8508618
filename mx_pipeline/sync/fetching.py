"""Asks for many records one by one, several at once, and hands them on in batches as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Semaphore, Thread
from types import TracebackType
from typing import Generic, Self

from mx_pipeline.errors import MxNotFound
from mx_pipeline.mx_api.side_by_side import SideBySide
from mx_pipeline.records import RefusedRecord
from mx_pipeline.sync.basket import Basket
from mx_pipeline.sync.landing import D, Fetched, find_out, is_unanswered, refuse_forbidden, what_came
from mx_pipeline.sync.wanted import Wanted

UNWRITTEN_PER_CALL = 2
"""Asked for and not yet committed, for each call that may be in flight: so many calls a killed process loses.

With one, calls would wait for each commit; with two, commits of 15 ms and calls of 50 ms never wait for
each other."""
BATCH_OF_UNWRITTEN = 0.875
"""A batch is no more than this part of them, so that calls go on while it is written."""
UNANSWERED_IN_A_ROW = 5
"""One record that never answers is the vendor's; after five in a row the vendor itself is asked."""

START_AGAIN_SECONDS = 0.01
"""Where there was no place for a call, it is tried again so soon, though nothing has landed."""


@dataclass(frozen=True)
class Asking(Generic[D]):
    """How records of one stream are asked for."""

    calls: Callable[[], SideBySide[D | RefusedRecord]]
    stream: str
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
    _calls: SideBySide[D | RefusedRecord] = field(init=False)
    _basket: Basket[D] = field(init=False)
    _room: Semaphore = field(init=False)
    """A call takes a place, and what it brought keeps it until it is committed."""
    _patience: float | None = None
    _thread: Thread | None = None
    _unanswered: int = 0
    _answered: int = 0

    def __post_init__(self) -> None:
        """The thread is begun when there is something to ask."""
        self._calls = self.asking.calls()
        places = self._calls.most * UNWRITTEN_PER_CALL
        self._room = Semaphore(places)
        self._basket = Basket(max(1, int(places * BATCH_OF_UNWRITTEN)))

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is in flight any more; what landed and was not taken is forgotten."""
        self.stop()
        if self._thread is not None:
            self._thread.join()
        self._calls.close()

    def ask(self, ids: Sequence[int]) -> None:
        """Ask for these too."""
        self._wanted.add(ids)
        if self._thread is None and len(ids):
            self._thread = Thread(
                target=copy_context().run, args=(self._fly,), name=self.asking.stream, daemon=True
            )
            self._thread.start()
        self._calls.wake()

    def landed(self) -> Generator[list[Fetched[D]]]:
        """The whole batches that have come by now; waits for nothing."""
        return self._batches(wait=False)

    def rest(self) -> Generator[list[Fetched[D]]]:
        """Everything that is still to come."""
        self._wanted.complete()
        self._calls.wake()
        return self._batches(wait=True)

    def stop(self) -> None:
        """Ask for nothing more."""
        self._wanted.forget()
        self._calls.wake()

    def _fly(self) -> None:
        try:
            while not (self._start() and not self._calls.in_the_air):
                for landed in self._calls.wait(self._patience):
                    self._basket.put(landed)
                    self._start()
        except Exception as error:
            self.failure = self.failure or error
            self._wanted.forget()
        finally:
            self._basket.end()

    def _start(self) -> bool:
        """Ask for as many as may be; True where nothing more will be asked for."""
        self._patience = None
        while True:
            is_complete, mx_id = self._wanted.is_complete, self._wanted.first()
            if mx_id is None:
                return is_complete
            # After trouble one call less is made, until it is known whose trouble it is.
            if self._calls.in_the_air + self._basket.unjudged >= self._calls.most:
                return False
            if not self._room.acquire(blocking=False):
                return False
            if not self._calls.start(mx_id):
                self._room.release()
                self._patience = START_AGAIN_SECONDS
                return False
            self._wanted.take()

    def _batches(self, *, wait: bool) -> Generator[list[Fetched[D]]]:
        while self._thread is not None and (came := self._basket.take(wait=wait)):
            batch = [fetched for one in came if (fetched := self._judge(one)) is not None]
            self._make_room(len(came) - len(batch))
            if batch:
                yield batch
                self._make_room(len(batch))

    def _make_room(self, places: int) -> None:
        if places:
            self._room.release(places)
            self._calls.wake()

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
                self._basket.judged()
                self._calls.wake()
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
