"""How a process that must end, for a deployment say, stops its syncs: each finishes the page that it is writing."""

from __future__ import annotations

from dataclasses import dataclass

from mx_pipeline.errors import SyncInterrupted


@dataclass
class StopSign:
    """One for all syncs of a process; raised from any thread or signal handler, and never taken down."""

    why: str | None = None

    def raise_it(self, why: str) -> None:
        """From now on no further page is written."""
        self.why = why

    def heed(self) -> None:
        """Before each page. Raises SyncInterrupted once the sign is up."""
        if self.why is not None:
            raise SyncInterrupted(
                f"interrupted: {self.why}; the pages that were written stay, the rest follows"
            )
