"""What one merchant allows besides: a distance between calls, and a number of calls a day."""

from __future__ import annotations

import logging

from mx_pipeline.errors import MxRateLimited

logger = logging.getLogger(__name__)

SECONDS_A_DAY = 86_400
WARN_FROM = 0.8


class Pace:
    """A bucket of one token: calls begin evenly, so no second ever sees more than the cap. Not thread-safe."""

    def __init__(self, *, calls_per_second: float | None = None, delay_seconds: float = 0) -> None:
        """`delay_seconds`: the least time between the beginnings of two calls."""
        self._interval = max(1 / calls_per_second if calls_per_second else 0, delay_seconds)
        self._next_at = float("-inf")

    def wait_seconds(self, now: float) -> float:
        """0 where a call may begin now."""
        return max(0.0, self._next_at - now)

    def begin(self, now: float) -> None:
        """A call begins."""
        self._next_at = now + self._interval


class Quota:
    """Calls of the merchant's own day, against the most that it may cost. Not thread-safe."""

    def __init__(self, calls_per_day: int, *, used: int, resets_at: float) -> None:
        """`resets_at`: the merchant's midnight, on the monotonic clock."""
        self.calls_per_day = calls_per_day
        self.used = used
        """Before this run, and by it."""
        self.resets_at = resets_at
        self._has_warned = False

    @property
    def warning(self) -> str | None:
        """Words for a person, once most of it is used."""
        if self.used < self.calls_per_day * WARN_FROM:
            return None
        return f"{self.used} of the {self.calls_per_day} calls that this merchant may cost today are used"

    def begin(self, now: float) -> None:
        """Count a call that begins. Raises MxRateLimited where it would be one too many."""
        if now >= self.resets_at:
            self.used, self.resets_at = 0, self.resets_at + SECONDS_A_DAY
        if self.used >= self.calls_per_day:
            raise MxRateLimited(
                f"This merchant's quota of {self.calls_per_day} calls a day is used up; nothing is asked until "
                "its midnight. Raise it with `merchants set --quota` if it should not end here.",
                retry_after_seconds=self.resets_at - now,
            )
        self.used += 1
        if not self._has_warned and self.warning is not None:
            self._has_warned = True
            logger.warning("a quota of calls is nearly used up", extra={"quota": self.warning})
