"""Forgets, in Dagster's own database, what Dagster keeps for ever; what its UI shows as the latest stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from mx_pipeline.warehouse.connections import Session

AT_ONCE = 5_000
MOST = 500_000
"""A night's share of each: looking for them reads the whole table, so a few thousand at a time would not do."""


def forget_verdicts(session: Session, *, before: datetime) -> int:
    """Of asset checks, but the newest of each check and partition."""
    old = _old(session, "old_verdicts", before)
    for ids in _parts(old):
        session.run("dagster", "forget_verdicts", ids=ids)
    return len(old)


def forget_events_of_no_run(session: Session, *, before: datetime) -> int:
    """Reported without a run, as by a sensor; but the newest of each kind, asset and partition. After the verdicts."""
    old = _old(session, "old_events_of_no_run", before)
    for ids in _parts(old):
        session.run("dagster", "forget_tags", ids=ids)
        session.run("dagster", "forget_events", ids=ids)
    return len(old)


def _old(session: Session, statement: str, before: datetime) -> list[int]:
    """Dagster writes UTC, and says so nowhere."""
    return session.column("dagster", statement, before=before.astimezone(UTC).replace(tzinfo=None), most=MOST)


def _parts(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]
