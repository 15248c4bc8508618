"""How a sync that somebody asked for goes, and how earlier ones went: read as the application, for whoever looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from mx_pipeline.warehouse.connections import Session, Tenant
from mx_pipeline.warehouse.merchants import unknown


@dataclass(frozen=True)
class Asked:
    """One request, and what came of it so far."""

    request_id: int
    merchant_id: int
    asked_by: str
    """As the audit log names them: `user:<id>`, `operator:<account>`, or a word for a process."""
    asker: str | None
    """Their name, or else their address, where whoever looks may see it."""
    asked_through: str
    mode: str
    latest: int | None
    since: date | None
    until: date | None
    emergency: bool
    reason: str | None
    dry_run: bool
    """It reads and compares, and stores nothing."""
    status: str
    """asked, joined, claimed or done."""
    asked_at: datetime
    finished_at: datetime | None
    outcome: str | None
    message: str | None
    stats: Mapping[str, Any] | None
    started_at: datetime | None
    run_finished_at: datetime | None

    @property
    def is_done(self) -> bool:
        """Answered, cancelled, or given up: nothing changes any more."""
        return self.status == "done"

    @property
    def seconds(self) -> float | None:
        """From the first call to the proof."""
        if self.started_at is None or self.run_finished_at is None:
            return None
        return (self.run_finished_at - self.started_at).total_seconds()


@dataclass(frozen=True)
class Watched(Asked):
    """The same while it runs: how far, and what is proven."""

    joined_to: int | None
    cancelled_by: str | None
    claimed_at: datetime | None
    run_id: int | None
    phase: str | None
    progress: Mapping[str, Mapping[str, int | None]]
    """By phase: `done` rows are committed, `of` so many; `of` is None where the end is not known yet."""
    calls: int
    certificates: Sequence[Mapping[str, Any]]


def watch(tenant: Tenant, request_id: int) -> Watched | None:
    """One request as it stands now; None where this merchant has none, or whoever looks may not see it."""
    row = tenant.run("watching", "watched", request_id=request_id).one_or_none()
    if row is None:
        return None
    return Watched(
        **_asked(tenant.merchant_id, row),
        joined_to=row.joined_to,
        cancelled_by=row.cancelled_by,
        claimed_at=row.claimed_at,
        run_id=row.run_id,
        phase=row.phase,
        progress=row.progress or {},
        calls=int(row.calls),
        certificates=row.certificates,
    )


def history(
    tenant: Tenant, *, before: int | None = None, most: int = 20, from_people: bool = False
) -> list[Asked]:
    """Requests, newest first, older than `before`; `from_people` leaves out the clock's and the vendor's."""
    rows = tenant.run("watching", "history", before=before, most=most, from_people=from_people)
    return [Asked(**_asked(tenant.merchant_id, row)) for row in rows]


@dataclass(frozen=True)
class ClinicNow:
    """How one merchant stands."""

    is_active: bool
    credentials_refused_at: datetime | None
    last_outcome: str | None
    last_success_at: datetime | None
    completed_at: datetime | None
    last_verdict: str | None
    quarantined: int
    record_count: int | None
    resumes_at: datetime | None
    open_request: int | None
    """The newest request that has no answer yet."""


def clinic_now(tenant: Tenant) -> ClinicNow:
    """How the merchant stands, as far as whoever looks may see it. Raises UnknownMerchant."""
    row = tenant.run("watching", "clinic_now").mappings().one_or_none()
    if row is None:
        raise unknown(tenant.merchant_id)
    return ClinicNow(**row)


def my_name(session: Session) -> str:
    """What whoever works in this transaction is called; nothing for the operator and for nobody."""
    return session.run("watching", "me").scalar() or ""


def _asked(merchant_id: int, row: Any) -> dict[str, Any]:
    return {
        "request_id": row.request_id,
        "merchant_id": merchant_id,
        "asked_by": row.asked_by,
        "asker": row.asker_name or row.asker_email,
        "asked_through": row.asked_through,
        "mode": row.mode,
        "latest": row.latest,
        "since": row.since,
        "until": row.until,
        "emergency": row.emergency,
        "reason": row.reason,
        "dry_run": row.dry_run,
        "status": row.status,
        "asked_at": row.asked_at,
        "finished_at": row.finished_at,
        "outcome": row.outcome,
        "message": row.message,
        "stats": row.stats,
        "started_at": row.started_at,
        "run_finished_at": row.run_finished_at,
    }
