"""Another wall clock for the whole of one process, as after a jump of NTP; its monotonic clock goes on."""

from __future__ import annotations

import datetime as standard
import sys
import time
from typing import Any

WORDS = "mx_pipeline.records"
"""Reads no clock, and its annotations are types that msgspec must know."""
RIGHT = standard.datetime
RIGHT_TIME = time.time


def set_wall_clock(ahead_seconds: float) -> None:
    """Only for a process that is made to be thrown away: there is no way back, and no other process notices."""
    ahead = standard.timedelta(seconds=ahead_seconds)

    class AnyDatetime(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, RIGHT)

    class Wrong(RIGHT, metaclass=AnyDatetime):
        def __new__(cls, *parts: Any, **named: Any) -> RIGHT:  # type: ignore[misc] # nobody is to notice
            return RIGHT(*parts, **named)

        @classmethod
        def now(cls, tz: standard.tzinfo | None = None) -> RIGHT:  # type: ignore[override]
            return RIGHT.now(tz) + ahead

    time.time = lambda: RIGHT_TIME() + ahead_seconds
    for module in [
        one for name, one in sys.modules.items() if name.startswith("mx_pipeline.") and name != WORDS
    ]:
        for name, value in vars(module).copy().items():
            if value is RIGHT:
                setattr(module, name, Wrong)
