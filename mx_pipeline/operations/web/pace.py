"""How fast one caller may ask: a bucket of calls each, that fills again with time."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

MOST_CALLERS = 10_000
"""Whoever was not heard of for longest is forgotten first: their bucket is full again by then."""


@dataclass
class _Bucket:
    calls: float
    at: float


class Pace:
    """In this process; what several servers allow adds up."""

    def __init__(self, *, per_minute: float, at_once: float) -> None:
        """`at_once`: what a full bucket holds."""
        self._per_second, self._most = per_minute / 60, at_once
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = Lock()

    def take(self, who: str, *, at: float) -> float:
        """Take one call; 0 where there was one, else the seconds until there is."""
        with self._lock:
            bucket = self._filled(who, at)
            if bucket.calls >= 1:
                bucket.calls -= 1
                return 0.0
            return self._seconds_until_one(bucket)

    def wait(self, who: str, *, at: float) -> float:
        """The same without taking it."""
        with self._lock:
            bucket = self._filled(who, at)
            return 0.0 if bucket.calls >= 1 else self._seconds_until_one(bucket)

    def _filled(self, who: str, at: float) -> _Bucket:
        bucket = self._buckets.pop(who, None) or _Bucket(self._most, at)
        bucket.calls = min(self._most, bucket.calls + max(0.0, at - bucket.at) * self._per_second)
        bucket.at = at
        self._buckets[who] = bucket
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return bucket

    def _seconds_until_one(self, bucket: _Bucket) -> float:
        return math.ceil((1 - bucket.calls) / self._per_second * 10) / 10
