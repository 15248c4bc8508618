"""Ids that wait to be asked for: added by one thread while another asks for them, 8 bytes each."""

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
        self._lock = threading.Lock()
        self.is_complete = False
        """No more will come."""

    def add(self, ids: Iterable[int]) -> None:
        """After those that wait already."""
        part = array("q", ids)
        if part:
            with self._lock:
                self._parts.append(part)

    def complete(self) -> None:
        """No more will come."""
        self.is_complete = True

    def forget(self) -> None:
        """None of those that wait is wanted any more, and no more will come."""
        with self._lock:
            self._parts.clear()
            self._at = 0
            self.is_complete = True

    def first(self) -> int | None:
        """The one that waits longest; it goes on waiting. None where none does."""
        with self._lock:
            return self._parts[0][self._at] if self._parts else None

    def take(self) -> int | None:
        """The same, and it waits no more."""
        with self._lock:
            if not self._parts:
                return None
            part = self._parts[0]
            mx_id = part[self._at]
            self._at += 1
            if self._at == len(part):
                self._parts.popleft()
                self._at = 0
            return mx_id
