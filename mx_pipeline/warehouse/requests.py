"""Sync requests: everything and everyone asks the same way, and each request is answered once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Session, Tenant
from mx_pipeline.warehouse.leases import LEASE_SECONDS, LOST
from mx_pipeline.warehouse.merchants import get_merchant, paused

AskedThrough: TypeAlias = Literal["command", "dagster", "api", "webhook", "schedule"]

LAUNCH_AGAIN_AFTER_SECONDS = 600
"""A run that was launched for a request and never claimed it is launched anew after that."""
MOST_ATTEMPTS = 5
"""Launched so often without an answer, a request ends as failed: what kills its process would kill the next."""
HAND_OVER_SECONDS = 10
"""Who waits for another sync of the merchant to end begins within a second; a claim is not lost before that."""
MOST_LATEST = 100
MOST_LATEST_IN_EMERGENCY = 1000


@dataclass(frozen=True)
class SyncRequest:
    """A wish for one sync of one merchant."""

    asked_by: str
    asked_through: AskedThrough
    mode: str = "incremental"
    latest: int | None = None
    since: date | None = None
    until: date | None = None
    """Days of the merchant's own calendar; `until` is not among them."""
    emergency: bool = False
    reason: str | None = None

    def check(self) -> None:
        """Raise BadInput where the limits of the source document are passed."""
        if self.since and self.until and self.since >= self.until:
            raise BadInput(
                f"--since must be before --until, which is not itself among the days; {self.since} and {self.until} "
                "were given"
            )
        if self.latest is None:
            return
        most = MOST_LATEST_IN_EMERGENCY if self.emergency else MOST_LATEST
        if not 1 <= self.latest <= most:
            more = (
                "" if self.emergency else f"; up to {MOST_LATEST_IN_EMERGENCY} with --emergency and --reason"
            )
            raise BadInput(f"the number of payments must be from 1 to {most}{more}; {self.latest} was given")
        if self.emergency and not (self.reason or "").strip():
            raise BadInput("an emergency sync needs a reason in words; it goes to the record: give --reason")


@dataclass(frozen=True)
class Claimed:
    """A request that is ours to answer."""

    request_id: int
    request: SyncRequest


def ask(tenant: Tenant, request: SyncRequest, *, claimed_by: str | None = None) -> int:
    """Ask for a sync of this merchant; `claimed_by` where the asker answers it itself. Returns the request's id.

    Raises BadInput for limits passed and for a paused merchant, UnknownMerchant.
    """
    request.check()
    merchant = get_merchant(tenant)
    if not merchant.is_active:
        raise paused(merchant.merchant_id)
    row = tenant.one(
        "sync",
        "ask",
        asked_by=request.asked_by,
        asked_through=request.asked_through,
        mode=request.mode,
        latest=request.latest,
        since=request.since,
        until=request.until,
        emergency=request.emergency,
        reason=request.reason,
        claimed_by=claimed_by,
    )
    detail: dict[str, object] = {
        name: str(value) if isinstance(value, date) else value
        for name in ("mode", "latest", "since", "until")
        if (value := getattr(request, name)) is not None
    }
    if request.emergency:
        # The reason has to outlive the request, whose row the application may change.
        detail |= {"emergency": True, "reason": request.reason}
    record(
        tenant,
        actor=actor_of(request.asked_by),
        action="sync.asked",
        subject=f"request {row.request_id}",
        detail={"through": request.asked_through, **detail},
    )
    return row.request_id


def actor_of(asked_by: str) -> str:
    """Who asked, as the audit log names it."""
    return asked_by if ":" in asked_by else f"process:{asked_by}"


def claim(tenant: Tenant, request_id: int, *, claimed_by: str) -> Claimed | None:
    """Take the request, unless somebody else has it or it is done."""
    row = tenant.run("sync", "claim", request_id=request_id, claimed_by=claimed_by).one_or_none()
    if row is None:
        return None
    request = SyncRequest(
        asked_by=row.asked_by,
        asked_through=row.asked_through,
        mode=row.mode,
        latest=row.latest,
        since=row.since,
        until=row.until,
        emergency=row.emergency,
        reason=row.reason,
    )
    return Claimed(row.request_id, request)


def finish(tenant: Tenant, request_id: int, *, run_id: int | None, outcome: str, message: str) -> None:
    """The request is answered."""
    tenant.run(
        "sync", "finish_request", request_id=request_id, run_id=run_id, outcome=outcome, message=message
    )


def give_up(tenant: Tenant, request_id: int, *, outcome: str, message: str) -> None:
    """Close the request and the run behind it, where whoever answered it stops before its end."""
    run_id = tenant.run(
        "sync", "give_up_run", request_id=request_id, outcome=outcome, message=message
    ).scalar()
    if run_id is not None:
        quarantined = tenant.one("sync", "quarantined")[0]
        tenant.run(
            "sync", "keep_outcome", run_id=run_id, outcome=outcome, verdict=None, quarantined=quarantined
        )
    finish(tenant, request_id, run_id=run_id, outcome=outcome, message=message)


def get_request(tenant: Tenant, request_id: int) -> Any:
    """The row of one request."""
    return tenant.one("sync", "request", request_id=request_id)


def recover_lost(session: Session) -> None:
    """End what lost processes left open: their runs are closed, their requests wait again; for the dispatcher.

    A request whose attempts are used up ends as failed. Cheap where nothing is lost.
    """
    lost = {"seconds": LEASE_SECONDS, "grace": HAND_OVER_SECONDS}
    session.run("leases", "close_lost_runs", message=LOST, **lost)
    session.run("leases", "free_lost_requests", **lost)
    session.run(
        "leases",
        "end_hopeless_requests",
        most_attempts=MOST_ATTEMPTS,
        launch_again_after=LAUNCH_AGAIN_AFTER_SECONDS,
        message=(
            f"given up: {MOST_ATTEMPTS} runs were launched for it, and each was lost or never began; "
            "see why in Dagster's runs, then ask for the sync again"
        ),
    )


def waiting_requests(session: Session, *, most: int) -> Sequence[Any]:
    """What nobody has claimed, oldest first; for the dispatcher."""
    rows = session.run("sync", "waiting_requests", launch_again_after=LAUNCH_AGAIN_AFTER_SECONDS, most=most)
    return rows.all()


def mark_launched(session: Session, requests: Sequence[Any]) -> None:
    """A run was launched for each of these rows of `waiting_requests`; for the dispatcher."""
    session.run(
        "sync",
        "mark_launched",
        merchants=[row.merchant_id for row in requests],
        requests=[row.request_id for row in requests],
    )


def running_phases(session: Session, merchants: Sequence[int]) -> dict[int, str]:
    """The phase of each of these merchants whose sync runs now; for the dispatcher."""
    rows = session.run("sync", "running_phases", merchants=list(merchants))
    return {row.merchant_id: row.phase for row in rows}
