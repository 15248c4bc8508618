"""Ids that wait to be asked for: added while others are asked for, taken by many threads, 8 bytes each."""

from __future__ import annotations

import threading
from array import array
from collections import deque
from collections.abc import Iterable


class Wanted:
    """Thread-safe."""

    def __init__(self) -> None:
        """Nothing yet, and more may come."""
        self._parts: deque[array[int]] = deque()
        self._at = 0
        self._is_complete = False
        self._changed = threading.Condition()

    def add(self, ids: Iterable[int]) -> None:
        """After those that wait already."""
        part = array("q", ids)
        if not part:
            return
        with self._changed:
            self._parts.append(part)
            self._changed.notify_all()

    def complete(self) -> None:
        """No more will come."""
        with self._changed:
            self._is_complete = True
            self._changed.notify_all()

    def forget(self) -> None:
        """None of those that wait is wanted any more, and no more will come."""
        with self._changed:
            self._parts.clear()
            self._at = 0
        self.complete()

    def take(self) -> int | None:
        """The next, waiting for one if there may be more; None where there is none."""
        with self._changed:
            while not self._parts:
                if self._is_complete:
                    return None
                self._changed.wait()
            part = self._parts[0]
            mx_id = part[self._at]
            self._at += 1
            if self._at == len(part):
                self._parts.popleft()
                self._at = 0
            return mx_id
