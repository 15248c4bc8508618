"""What the processes that use one credential tell each other: no I/O, only the words."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Turn: TypeAlias = Literal["opened", "closed"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How all of them together stand with the vendor; durations, so that no two clocks are compared."""

    level: float
    users: int = 1
    """Processes that use the credential now, the reader among them."""
    rank: int = 0
    """How many of those come before the reader."""
    pause_seconds: float = 0
    """Still to wait, as the vendor asked."""
    open_seconds: float | None = None
    """Since the breaker opened or the last probe failed; negative while another's probe is in flight."""
    failed_probes: int = 0


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What one of them has learned since it last told the others."""

    grown: float = 0
    halved_to: float | None = None
    pause_seconds: float = 0
    turn: Turn | None = None
    """What the breaker did last."""
    failed_probes: int = 0

    @property
    def is_any(self) -> bool:
        """Whether there is something to tell."""
        return bool(self.grown or self.halved_to is not None or self.pause_seconds or self.turn)
