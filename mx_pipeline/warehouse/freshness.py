"""How old what we have of each merchant is, against how often it is synced; decided in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.due import MINUTES_BETWEEN_SYNCS

ROUND_SECONDS = 900.0
"""A round of ten thousand merchants may take so long."""


@dataclass(frozen=True)
class Freshness:
    """Of one active merchant."""

    merchant_id: int
    age_seconds: float
    """Since the last whole sync; since it was added, where there was none."""
    may_be_seconds: float
    is_new: bool
    """Never synced whole."""
    is_late: bool


def freshness(
    session: Session, *, only: int | None = None, now: datetime | None = None
) -> Sequence[Freshness]:
    """The latest first; of active merchants alone. The database's own clock counts unless another is given."""
    rows = session.run(
        "due",
        "freshness",
        now=now,
        only=only,
        minutes=float(MINUTES_BETWEEN_SYNCS),
        round_seconds=ROUND_SECONDS,
    )
    return [Freshness(*row) for row in rows]
