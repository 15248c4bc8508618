"""What has landed and is not written yet: put in by the thread that calls MX, taken out in batches by the writer."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic

from mx_pipeline.mx_api.side_by_side import Landed
from mx_pipeline.records import RefusedRecord
from mx_pipeline.sync.landing import D

GATHER_SECONDS = 0.02
"""A commit costs 5 ms of CPU whatever is in it, so a few answers are waited for; no longer than a call takes."""


class Basket(Generic[D]):
    """Wakes whoever waits only for a first answer and for a whole batch: each waking costs as much as an answer."""

    def __init__(self, most: int) -> None:
        """`most`: of a batch."""
        self._most = most
        self._landed: deque[Landed[D | RefusedRecord]] = deque()
        self._changed = threading.Condition()
        self._is_over = False
        self.unjudged = 0
        """Troubles of which nobody has said yet whose they are."""

    def put(self, landed: Landed[D | RefusedRecord]) -> None:
        """This one, too."""
        with self._changed:
            was_empty = not self._landed
            self._landed.append(landed)
            self.unjudged += isinstance(landed[2], Exception)
            if was_empty or self._is_enough():
                self._changed.notify()

    def end(self) -> None:
        """Nothing more will land."""
        with self._changed:
            self._is_over = True
            self._changed.notify()

    def judged(self) -> None:
        """One of the troubles has been judged."""
        with self._changed:
            self.unjudged -= 1

    def take(self, *, wait: bool) -> list[Landed[D | RefusedRecord]]:
        """A batch; nothing where nothing more will land, or where no whole one is here and there is no time to wait."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._landed or self._is_over)
                self._changed.wait_for(self._is_enough, GATHER_SECONDS)
            elif not self._is_enough():
                return []
            return [self._landed.popleft() for _ in range(min(self._most, len(self._landed)))]

    def _is_enough(self) -> bool:
        return len(self._landed) >= self._most or self._is_over or self.unjudged > 0
