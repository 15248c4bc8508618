"""How far a sync is, in percent of its phases and its proof: the same to the API and to the page."""

from __future__ import annotations

from typing import Final

from mx_pipeline.sync.orders import Phase
from mx_pipeline.warehouse.watching import Watched

WHOLE: Final = 100
ALMOST: Final = 99
"""The last one is there only when all of it is committed and proven."""
PHASES: Final = tuple(phase.value for phase in Phase)
PARTS: Final = len(PHASES) + 1


def percent_of(watched: Watched) -> int:
    """100 only after success with its certificate; a sync that ended otherwise stays at what it came to."""
    if watched.is_done and watched.outcome == "success" and (watched.dry_run or watched.certificates):
        return WHOLE
    come = sum(_share(watched, place) for place in range(len(PHASES))) + bool(watched.certificates)
    return min(ALMOST, int(come / PARTS * WHOLE))


def _share(watched: Watched, place: int) -> float:
    if watched.phase in PHASES and place < PHASES.index(watched.phase):
        return 1.0
    told = watched.progress.get(PHASES[place], {})
    done, of = told.get("done") or 0, told.get("of")
    return min(1.0, done / of) if of else 0.0
