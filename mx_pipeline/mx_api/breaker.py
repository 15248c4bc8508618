"""Tells one record that fails from a vendor that fails everyone, and asks such a vendor rarely, one call at a time."""

from __future__ import annotations

from mx_pipeline.mx_api.calls import Call, Endpoint

MOST_SUSPECTS = 1000

Target = tuple[Endpoint, int]


class Breaker:
    """Opens after so many failures in a row; closes with the first good answer. Not thread-safe."""

    def __init__(self, *, failures: int, cool_down_seconds: float, cool_down_cap_seconds: float) -> None:
        """The cool-down doubles with each failed probe, up to its cap."""
        self._most = failures
        self._base, self._cap = cool_down_seconds, cool_down_cap_seconds
        self._in_a_row = 0
        self._suspects = set[Target]()
        self.is_open = False
        self.is_probing = False
        """A call that shall tell whether the vendor is back is in flight."""
        self.failed_probes = 0
        self.opened_at = 0.0
        """The last failure that opened it, or kept it open."""
        self.outage_began_at = 0.0

    @property
    def cool_down_seconds(self) -> float:
        """How long after `opened_at` nobody calls."""
        return min(self._cap, self._base * 2 ** min(self.failed_probes, 30))

    @property
    def probe_at(self) -> float:
        """When the next call may go out while it is open."""
        return self.opened_at + self.cool_down_seconds

    def is_news(self, call: Call) -> bool:
        """False for the further tries of a record that failed before: those tell nothing about the vendor."""
        if call.record_id is None:
            return True
        target = (call.endpoint, call.record_id)
        if target in self._suspects:
            return False
        if len(self._suspects) >= MOST_SUSPECTS:
            self._suspects.clear()
        self._suspects.add(target)
        return True

    def failed(self, call: Call, now: float, *, is_news: bool) -> bool:
        """One failure; True where it opened the breaker, or kept it open."""
        if self.is_open:
            if call.sent_at < self.opened_at or not self.is_probing:
                return False
            self.is_probing = False
            self.failed_probes += 1
            self.opened_at = now
            return True
        self._in_a_row += is_news
        if self._in_a_row < self._most:
            return False
        self.open(now, now=now, failed_probes=0)
        return True

    def succeeded(self, call: Call) -> bool:
        """One good answer; True where it closed the breaker."""
        self._in_a_row = 0
        if self._suspects and call.record_id is not None:
            self._suspects.discard((call.endpoint, call.record_id))
        if not self.is_open or call.sent_at < self.opened_at:
            return False
        self.close()
        return True

    def open(self, opened_at: float, *, now: float, failed_probes: int) -> None:
        """Open it, or go on with an outage that another process has seen more of."""
        if not self.is_open:
            self.is_open, self.outage_began_at = True, now
        self.opened_at, self.failed_probes, self.is_probing = opened_at, failed_probes, False

    def close(self) -> None:
        """The vendor is back."""
        self.is_open = self.is_probing = False
        self.failed_probes = self._in_a_row = 0
