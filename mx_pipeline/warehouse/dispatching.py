"""What the dispatcher does with requests of all merchants: who is next, what was lost, what a run is launched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mx_pipeline.correlation import plain_id
from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.leases import LEASE_SECONDS, LOST
from mx_pipeline.warehouse.limits import LONGEST_WAIT
from mx_pipeline.warehouse.requests import LAST_LANE

LAUNCH_AGAIN_AFTER_SECONDS = 600
"""A run that was launched for a request and never claimed it is launched anew after that."""
MOST_ATTEMPTS = 5
"""Launched so often without an answer, a request ends as failed: what kills its process would kill the next."""
HAND_OVER_SECONDS = 10
"""Who waits for another sync of the merchant to end begins within a second; a claim is not lost before that."""
DRY_RUN_SECONDS = 600
"""After that a dry run is lost: it has no lease that would give a sign of life."""
HEAD_START_SECONDS = 5
"""A warm worker begins within a fraction of it; only then is a run of its own started, which takes that long."""
MOST_CANCELLED = 500
"""At once; the others follow with the next tick."""


@dataclass(frozen=True)
class Waiting:
    """A request of some merchant."""

    merchant_id: int
    request_id: int
    correlation_id: str | None = None
    """Of the call or the command that asked."""


def recover_lost(session: Session) -> None:
    """End what lost processes left open: their runs are closed, their requests wait again.

    A request whose attempts are used up ends as failed. Cheap where nothing is lost.
    """
    lost = {"seconds": LEASE_SECONDS, "grace": HAND_OVER_SECONDS, "dry_seconds": DRY_RUN_SECONDS}
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
    session.run("requests", "finish_left_behind")


def notice_unanswered(session: Session) -> list[str]:
    """Mark the requests that wait too long, once each; what to log of each, and what to do."""
    rows = session.run("requests", "mark_unanswered", **LONGEST_WAIT)
    return [
        f"request {row.request_id} of merchant {row.merchant_id} has waited for {row.seconds} s and nobody answers it: "
        "start mx-pipeline worker, or more of them where all are busy, or Dagster's daemon with its sensor "
        "sync_requests; mx-pipeline status shows what waits"
        for row in rows
    ]


def merchants_of_request(session: Session, request_id: int) -> list[int]:
    """Whose request it is; none where there is no such."""
    return session.column("requests", "merchant_of", request_id=request_id)


def claim_next(session: Session, *, claimed_by: str, lowest_lane: int = LAST_LANE) -> Waiting | None:
    """Take the request whose turn it is, of the lanes down to `lowest_lane`."""
    row = session.run("requests", "claim_next", claimed_by=claimed_by, lowest_lane=lowest_lane).one_or_none()
    if row is None:
        return None
    return Waiting(row.merchant_id, row.request_id, plain_id(row.correlation_id))


def hand_back(session: Session, *, claimed_by: str) -> None:
    """Let somebody else answer what this name has claimed."""
    session.run("requests", "hand_back", claimed_by=claimed_by)


def who_has_claims(session: Session, answerers: Sequence[str]) -> set[str]:
    """Those of these names that have a request to answer."""
    return set(session.column("requests", "has_claim", answerers=list(answerers)))


def waiting_requests(
    session: Session, *, most: int, head_start_seconds: float = HEAD_START_SECONDS
) -> Sequence[Any]:
    """What nobody has claimed for so long, by lane and age."""
    rows = session.run(
        "requests",
        "waiting_requests",
        head_start=head_start_seconds,
        launch_again_after=LAUNCH_AGAIN_AFTER_SECONDS,
        most=most,
    )
    return rows.all()


def mark_launched(session: Session, requests: Sequence[Any]) -> None:
    """A run was launched for each of these rows of `waiting_requests`."""
    session.run(
        "requests",
        "mark_launched",
        merchants=[row.merchant_id for row in requests],
        requests=[row.request_id for row in requests],
    )


def tried_before(session: Session) -> Sequence[Any]:
    """The requests that have no answer though a run was there for them."""
    return session.run("requests", "tried_before").all()


def cancelled_since_launched(session: Session) -> Sequence[Any]:
    """The requests that were cancelled after a run was launched for them, and are not forgotten there yet."""
    return session.run("requests", "cancelled_since_launched", most=MOST_CANCELLED).all()


def forget_launches(session: Session, requests: Sequence[Any]) -> None:
    """No run waits any more for these rows of `cancelled_since_launched`."""
    session.run(
        "requests",
        "forget_launches",
        merchants=[row.merchant_id for row in requests],
        requests=[row.request_id for row in requests],
    )


def running_phases(session: Session, merchants: Sequence[int]) -> dict[int, str]:
    """The phase of each of these merchants whose sync runs now."""
    rows = session.run("sync", "running_phases", merchants=list(merchants))
    return {row.merchant_id: row.phase for row in rows}
