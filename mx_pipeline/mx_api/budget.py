"""
How one process may use one credential: how many calls at once, and when none at all.

Every wait happens on one condition, so that whatever is learned from one answer (a pause, an outage,
a halving) holds at once for all calls that have not gone out yet.
"""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from mx_pipeline.errors import MxOutage, MxRateLimited
from mx_pipeline.mx_api.breaker import Breaker
from mx_pipeline.mx_api.level import Level

if TYPE_CHECKING:
    from mx_pipeline.mx_api.calls import Call, CallLimits
    from mx_pipeline.mx_api.merchant_gate import MerchantGate
    from mx_pipeline.mx_api.standing import Turn

RATE_LIMITED = "mx_rate_limited"
FAILED = frozenset({"mx_unavailable", "mx_timed_out", "mx_unreachable", "mx_maintenance"})
TELLS_NOTHING = frozenset({"mx_bad_response", "mx_credentials_refused", "internal"})
"""Neither proof that the vendor is well nor that it is not."""
LONGEST_PAUSE_SECONDS = 86_400
LONGEST_LOOK_SECONDS = 1.0
"""Who waits looks again at least so often, whoever forgot to wake it."""


class Budget:
    """Thread-safe; merchants of one credential share it, each through a gate of its own."""

    def __init__(
        self,
        limits: CallLimits,
        *,
        start: float,
        ceiling: int,
    ) -> None:
        """`start`: calls in flight at first; `ceiling`: where growth ends, unless a merchant may have more."""
        self._limits = limits
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting = 0
        self._level = Level(start, ceiling)
        self._breaker = Breaker(
            failures=limits.breaker_failures,
            cool_down_seconds=limits.cool_down_seconds,
            cool_down_cap_seconds=limits.cool_down_cap_seconds,
        )
        self._merchants = 0
        self._in_flight = 0
        self._paused_until = self._held_until = self._limited_at = float("-inf")
        self._rounds_limited = 0
        self._may_probe = False

    @property
    def level(self) -> float:
        """How many calls the vendor seems to bear, in all processes together."""
        return self._level.value

    @property
    def share(self) -> int:
        """How many of them may be this process's."""
        return self._level.share

    def admit(self, ceiling: int) -> None:
        """One more merchant uses the credential."""
        with self._changed:
            self._merchants += 1
            self._level.ceiling = max(self._level.ceiling, ceiling)

    def take(self, gate: MerchantGate) -> None:
        """Wait for a place. Raises MxRateLimited or MxOutage where nobody should wait so long."""
        with self._lock:
            now = time.monotonic()
            while (wait := self._wait_seconds(gate, now)) > 0:
                self._waiting += 1
                self._changed.wait(min(wait, LONGEST_LOOK_SECONDS))
                self._waiting -= 1
                now = time.monotonic()
            gate.begin(now)
            self._in_flight += 1
            if self._breaker.is_open:
                self._breaker.is_probing, self._may_probe = True, False

    def take_now(self, gate: MerchantGate) -> bool:
        """Take a place where nobody has to wait for one, nor to be told that the wait is too long."""
        with self._lock:
            now = time.monotonic()
            # Whoever waits already comes first; in a pause and in an outage everyone waits.
            if self._waiting or self._breaker.is_open or self._paused_until > now:
                return False
            if self._wait_seconds(gate, now) > 0 or gate.is_spent(now):
                return False
            gate.begin(now)
            self._in_flight += 1
            return True

    def give(self, gate: MerchantGate) -> None:
        """The place is free again."""
        with self._lock:
            gate.in_flight -= 1
            self._in_flight -= 1
            if not self._waiting:
                return
            # One waiter is enough, unless it might be of a merchant that has to wait for something else.
            if self._merchants == 1:
                self._changed.notify()
            else:
                self._changed.notify_all()

    def saw(self, call: Call) -> None:
        """Learn from one answer."""
        with self._lock:
            if call.outcome == "ok":
                self._was_good(call)
                return
            now = time.monotonic()
            if call.outcome == RATE_LIMITED:
                self._limited(call, now)
            elif call.outcome in FAILED or (call.outcome in TELLS_NOTHING and self._breaker.is_open):
                self._failed(call, now)
            elif call.outcome not in TELLS_NOTHING:
                self._was_good(call)

    def outlasts(self) -> bool:
        """Whether there is an outage that is still worth waiting for."""
        patience = self._breaker.outage_began_at + self._limits.outage_patience_seconds
        return self._breaker.is_open and time.monotonic() < patience

    def resumes_in(self) -> float:
        """Seconds until the vendor may be asked again; 0 where it may be asked now."""
        until = max(self._paused_until, self._breaker.probe_at if self._breaker.is_open else 0)
        return max(0.0, until - time.monotonic())

    def _wait_seconds(self, gate: MerchantGate, now: float) -> float:
        if (left := self._paused_until - now) > 0:
            if left > self._limits.retry_after_cap_seconds:
                raise MxRateLimited(
                    f"MX asks for a pause of all calls with this key; {left:.0f} s of it are left.",
                    retry_after_seconds=left,
                )
            return left
        if self._breaker.is_open and (left := self._wait_for_probe(now)) > 0:
            return left
        if self._in_flight >= self._level.share or gate.in_flight >= gate.ceiling:
            return LONGEST_LOOK_SECONDS
        return max(self._held_until - now, gate.pace.wait_seconds(now))

    def _wait_for_probe(self, now: float) -> float:
        left = self._breaker.outage_began_at + self._limits.outage_patience_seconds - now
        if left <= 0:
            raise MxOutage(
                f"MX has answered no call with this key for {now - self._breaker.outage_began_at:.0f} s. "
                "Try again later; the next sync goes on from here."
            )
        if self._may_probe:
            return 0
        if self._breaker.is_probing:
            return left
        cooling = self._breaker.probe_at - now
        return min(left, cooling if cooling > 0 else self._ask_for_probe(left))

    def _ask_for_probe(self, left: float) -> float:  # noqa: ARG002 # others have to ask
        """Seconds to wait for leave to probe."""
        return 0

    def _limited(self, call: Call, now: float) -> None:
        self._level.was_bad(call.sent_at, now)
        if self._breaker.is_open and self._breaker.succeeded(call):
            self._turned("closed")  # it answers; that it asks for fewer calls is another matter
        if call.retry_after_seconds is not None:
            pause = min(call.retry_after_seconds, LONGEST_PAUSE_SECONDS)
        elif call.sent_at > self._limited_at:
            self._limited_at, self._rounds_limited = now, self._rounds_limited + 1
            # 2.0 ** 30 is far beyond any cap.
            longest = self._limits.backoff_base_seconds * 2.0 ** min(self._rounds_limited, 30)
            pause = random.uniform(0, min(self._limits.backoff_cap_seconds, longest))  # noqa: S311
        else:
            return
        self._paused_until = max(self._paused_until, now + pause)
        self._has_news(pause_until=self._paused_until)

    def _failed(self, call: Call, now: float) -> None:
        is_news = self._breaker.is_news(call)
        if is_news and self._level.was_bad(call.sent_at, now):
            self._has_news()
        if self._breaker.failed(call, now, is_news=is_news):
            self._turned("opened")

    def _was_good(self, call: Call) -> None:
        if self._level.was_good():
            self._changed.notify()
        if self._rounds_limited and call.sent_at > self._limited_at:
            self._rounds_limited = 0
        if self._breaker.succeeded(call):
            self._turned("closed")

    def _turned(self, turn: Turn) -> None:
        self._changed.notify_all()
        self._has_news(turn=turn)

    def _has_news(self, *, turn: Turn | None = None, pause_until: float | None = None) -> None:
        """Nobody to tell."""
