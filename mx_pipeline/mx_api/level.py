"""How many calls the vendor bears at once: one more per window of good answers, half of it at trouble."""

from __future__ import annotations

LEAST = 1.0
ROUNDING = 1e-9
"""Eight eighths of a call are a whole one, whatever floats make of it."""


class Level:
    """One process's view of a level that it may share with others. Not thread-safe: the budget's lock is held."""

    def __init__(self, start: float, ceiling: int) -> None:
        """`ceiling`: growth ends there; a level from elsewhere may be higher."""
        self.value = max(LEAST, start)
        self.ceiling = ceiling
        self.users = 1
        """Processes that share the level, this one among them."""
        self.rank = 0
        """How many of them come before this one when the odd calls are dealt out."""
        self.grown = 0.0
        """Growth since the others were last told."""
        self.halved_to: float | None = None
        """The value right after a halving that the others have not been told of."""
        self._halved_at = float("-inf")

    @property
    def share(self) -> int:
        """How many calls this process may have in flight; at least one."""
        whole = int(self.value + ROUNDING)
        each, odd = divmod(whole, self.users)
        return max(1, each + (self.rank < odd))

    def was_good(self) -> bool:
        """One good answer; True where the share has grown by it."""
        if self.value >= self.ceiling:
            return False
        share = self.share
        step = min(1 / int(self.value + ROUNDING), self.ceiling - self.value)
        self.value += step
        self.grown += step
        return self.share > share

    def was_bad(self, sent_at: float, now: float) -> bool:
        """Halve, but once for all calls that were under way together; True where it was halved."""
        if sent_at <= self._halved_at:
            return False
        self._halved_at = now
        self.value = max(LEAST, self.value / 2)
        self.halved_to, self.grown = self.value, 0.0
        return True

    def learn(self, value: float, now: float, *, users: int, rank: int) -> None:
        """Take over what all processes agree on; what they have not been told yet still counts."""
        if self.halved_to is not None:
            value = min(value, self.halved_to)
        elif value < self.value - self.grown - ROUNDING:
            # Another process halved it, for our calls that are under way as well.
            self._halved_at = now
        self.value = max(LEAST, value, min(float(self.ceiling), value + self.grown))
        self.users, self.rank = users, rank

    def told(self) -> tuple[float, float | None]:
        """Growth and halving that the others have not heard of; from now on they have."""
        news = self.grown, self.halved_to
        self.grown, self.halved_to = 0.0, None
        return news

    def untold(self, grown: float, halved_to: float | None) -> None:
        """The others could not be told of this after all."""
        self.grown += grown
        if halved_to is not None:
            self.halved_to = halved_to if self.halved_to is None else min(halved_to, self.halved_to)
