"""How syncs are stopped from outside, for a deployment say: each finishes the page that it is writing."""

from __future__ import annotations

from dataclasses import dataclass

from mx_pipeline.errors import SyncInterrupted, SyncStopped


@dataclass
class StopSign:
    """One for all syncs of a process, or for a few of them; raised from any thread, and never taken down."""

    above: StopSign | None = None
    """What stops all, stops these."""
    why: str | None = None
    is_for_good: bool = False
    """Nobody goes on with what is stopped: a person wants it so."""

    def raise_it(self, why: str, *, for_good: bool = False) -> None:
        """From now on no further page is written."""
        self.is_for_good, self.why = for_good, why

    def heed(self) -> None:
        """Before each page. Raises SyncInterrupted, or SyncStopped, once the sign is up."""
        if self.above is not None:
            self.above.heed()
        if self.why is None:
            return
        if self.is_for_good:
            raise SyncStopped(f"{self.why}; the pages that were written stay")
        raise SyncInterrupted(f"interrupted: {self.why}; the pages that were written stay, the rest follows")
