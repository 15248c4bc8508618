"""
Many calls for single records in the air at once, sent and read by one thread.

Sixteen threads that each wait for one answer spend more on waking each other than on the answers. What is not
as nearly all calls are (a new connection, a pause, an answer in chunks, a further try) is a thread's of its own.
"""

from __future__ import annotations

import os
import select
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from mx_pipeline.correlation import carry_on, correlation
from mx_pipeline.errors import MxCredentialsRefused, MxUnavailable
from mx_pipeline.mx_api.transport import Failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mx_pipeline.mx_api.in_the_air import InTheAir, Question
    from mx_pipeline.mx_api.transport import Transport

T = TypeVar("T")

WAKING_BYTES = 4096

Landed: TypeAlias = "tuple[int, float, T | Exception]"
"""Id, when it was first asked for, what came."""


class SideBySide(Generic[T]):
    """`start` and `wait` are one thread's; `wake` is anybody's."""

    def __init__(self, transport: Transport, question: Callable[[int], Question[T]], *, most: int) -> None:
        """`most`: no more are in the air at once."""
        self.most = most
        self._transport, self._attempts, self._question = transport, transport.attempts, question
        self._flying: dict[int, tuple[int, InTheAir[T]]] = {}
        self._landed: SimpleQueue[Landed[T]] = SimpleQueue()
        self._apart = 0
        self._pool = ThreadPoolExecutor(
            most, thread_name_prefix="call", initializer=carry_on, initargs=(correlation(),)
        )
        self._woken, self._wakes = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._woken, select.POLLIN)

    def close(self) -> None:
        """What is still in the air is not waited for, but where a thread does already."""
        for _, flying in self._flying.values():
            self._attempts.abandon(flying)
        self._pool.shutdown()
        os.close(self._woken)
        os.close(self._wakes)

    @property
    def in_the_air(self) -> int:
        """Calls that have not landed."""
        return len(self._flying) + self._apart

    def start(self, mx_id: int) -> bool:
        """Ask for this record; False where there is no place for it just now, and others will land before."""
        if self._attempts.may_begin:
            question = self._question(mx_id)
            flying = self._attempts.begin(question)
            if flying is not None:
                fd = flying.line.fileno()
                self._flying[fd] = (mx_id, flying)
                self._poll.register(fd, select.POLLIN)
                return True
            # In an outage those in the air may be the very records that fail: others must be there to find out.
            if self.in_the_air and not self._attempts.is_outage:
                return False
        question, began = self._question(mx_id), time.monotonic()
        self._leave_to_a_thread(mx_id, began, lambda: self._transport.get(question))
        return True

    def wait(self, seconds: float | None) -> Iterator[Landed[T]]:
        """What has landed since, each as it is read; waits for the first, or until somebody wakes.

        Whoever starts another call for each keeps the calls apart: else answers that once came together would be
        read together, and the next calls sent together, from then on.
        """
        for fd, _ in self._poll.poll(self._patience_ms(seconds)):
            if fd == self._woken:
                os.read(fd, WAKING_BYTES)
                continue
            mx_id, flying = self._flying[fd]
            if flying.receive():
                yield from self._land(fd, mx_id, flying)
        yield from self._end_late_ones()
        while self._apart:
            try:
                landed = self._landed.get_nowait()
            except Empty:
                break
            self._apart -= 1
            yield landed

    def wake(self) -> None:
        """End a wait: there is more to start."""
        with suppress(BlockingIOError):  # so many have woken it already
            os.write(self._wakes, b"!")

    def _patience_ms(self, seconds: float | None) -> float | None:
        if not self._flying:
            return None if seconds is None else seconds * 1000
        # The first was sent first, and each may take as long as the others.
        left = next(iter(self._flying.values()))[1].ends_at - time.monotonic()
        return max(0.0, left if seconds is None else min(left, seconds)) * 1000

    def _end_late_ones(self) -> Iterator[Landed[T]]:
        now = time.monotonic()
        for fd, (mx_id, flying) in list(self._flying.items()):
            if flying.ends_at > now:
                return
            flying.trouble = TimeoutError("the call's total deadline has passed")
            yield from self._land(fd, mx_id, flying)

    def _land(self, fd: int, mx_id: int, flying: InTheAir[T]) -> Iterator[Landed[T]]:
        self._poll.unregister(fd)
        del self._flying[fd]
        if not flying.is_usual:
            self._leave_to_a_thread(mx_id, flying.started, lambda: self._rest_of(flying))
            return
        try:
            landed = self._attempts.land(flying)
        except (MxUnavailable, MxCredentialsRefused) as error:
            failed = Failed(error, flying.credential)
            again = lambda: self._transport.get(flying.question, failed=failed)  # noqa: E731
            self._leave_to_a_thread(mx_id, flying.started, again)
        except Exception as error:
            yield mx_id, flying.started, error
        else:
            yield mx_id, flying.started, landed

    def _rest_of(self, flying: InTheAir[T]) -> T:
        try:
            return self._attempts.land(flying)
        except (MxUnavailable, MxCredentialsRefused) as error:
            failed = Failed(error, flying.credential)
        return self._transport.get(flying.question, failed=failed)

    def _leave_to_a_thread(self, mx_id: int, began: float, what: Callable[[], T]) -> None:
        self._apart += 1
        self._pool.submit(self._apart_from_others, mx_id, began, what)

    def _apart_from_others(self, mx_id: int, began: float, what: Callable[[], T]) -> None:
        try:
            self._landed.put((mx_id, began, what()))
        except Exception as error:
            self._landed.put((mx_id, began, error))
        self.wake()
