"""What a sync looks like from outside: how far it is, truthfully, and what it came to."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Literal, TypeAlias

from mx_pipeline.operations.web.how_far import percent_of
from mx_pipeline.operations.web.questions import Answer
from mx_pipeline.operations.web.sync_ids import SyncId
from mx_pipeline.sync.orders import Phase
from mx_pipeline.warehouse.watching import Asked, Watched

SyncStatus: TypeAlias = Literal["waiting", "running", "done"]
"""Until the outcome is committed, and with it the certificate."""
GOOD = frozenset({"success", "partial"})


class PhaseNow(Answer):
    """One phase: `done` rows are committed, of `of`, which is null while nobody can know it."""

    name: str
    done: int
    of: int | None
    state: Literal["waiting", "running", "done"]


class SyncSummary(Answer):
    """One request for a sync."""

    id: str
    merchant_id: int
    status: SyncStatus
    outcome: str | None
    message: str | None
    mode: str
    transaction_count: int | None
    date_from: date | None
    date_to: date | None
    emergency: bool
    reason: str | None
    dry_run: bool
    asked_by: str
    asked_through: str
    asked_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    stats: dict[str, Any] | None


class SyncNow(SyncSummary):
    """The same with how far it is."""

    joined: bool
    phases: list[PhaseNow]
    percent: int
    api_calls: int
    certificates: list[dict[str, Any]]


class SyncAnswer(Answer):
    """What whoever waited is told: the shape of the source document, and which sync it was."""

    success: bool
    message: str
    stats: dict[str, Any]
    id: str
    outcome: str


def summary_of(asked: Asked) -> SyncSummary:
    """For a list of them."""
    return SyncSummary(**_summary(asked))


def sync_of(watched: Watched) -> SyncNow:
    """One as it stands now."""
    return SyncNow(
        **_summary(watched),
        joined=watched.joined_to is not None,
        phases=_phases(watched),
        percent=percent_of(watched),
        api_calls=watched.calls,
        certificates=[dict(made) for made in watched.certificates],
    )


def answer_of(watched: Watched) -> SyncAnswer:
    """Of one that is done."""
    outcome = watched.outcome or "failed"
    stats = dict(watched.stats or {})
    synced = stats.get("transactionsSynced", 0)
    good = (
        "compared; nothing was stored"
        if watched.dry_run
        else f"{synced} transactions synced, and proven complete"
    )
    return SyncAnswer(
        success=outcome == "success",
        message=watched.message or (good if outcome == "success" else outcome),
        stats=stats,
        id=str(SyncId(watched.merchant_id, watched.request_id)),
        outcome=outcome,
    )


def _phases(watched: Watched) -> list[PhaseNow]:
    names = [phase.value for phase in Phase]
    at = names.index(watched.phase) if watched.phase in names else None
    found: list[PhaseNow] = []
    for place, name in enumerate(names):
        told = watched.progress.get(name, {})
        is_past = at is not None and place < at
        # Invoices are read while their list is: a phase can be under way before its turn.
        has_begun = name in watched.progress or place == at
        is_over = is_past or (watched.is_done and watched.outcome in GOOD)
        state = "done" if is_over else "running" if has_begun and not watched.is_done else "waiting"
        found.append(PhaseNow(name=name, done=told.get("done") or 0, of=told.get("of"), state=state))
    return found


def _summary(asked: Asked) -> dict[str, Any]:
    is_running = asked.started_at is not None and asked.run_finished_at is None
    return {
        "id": str(SyncId(asked.merchant_id, asked.request_id)),
        "merchant_id": asked.merchant_id,
        "status": "done" if asked.is_done else "running" if is_running else "waiting",
        "outcome": asked.outcome,
        "message": asked.message,
        "mode": asked.mode,
        "transaction_count": asked.latest,
        "date_from": asked.since,
        "date_to": asked.until and asked.until - timedelta(days=1),
        "emergency": asked.emergency,
        "reason": asked.reason,
        "dry_run": asked.dry_run,
        "asked_by": asked.asker or asked.asked_by.partition(":")[0],
        "asked_through": asked.asked_through,
        "asked_at": asked.asked_at,
        "started_at": asked.started_at,
        "finished_at": asked.finished_at,
        "stats": None if asked.stats is None else dict(asked.stats),
    }
