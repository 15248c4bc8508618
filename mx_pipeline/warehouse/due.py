"""Who is due for a sync that nobody asked for: decided in one statement, at a moment that the caller tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from mx_pipeline.warehouse.connections import Session, Tenant
from mx_pipeline.warehouse.forecasting import forecasts
from mx_pipeline.warehouse.requests import LANES, Claimed, SyncRequest, asked_with

MINUTES_BETWEEN_SYNCS = 15
"""Of a merchant that sets no interval of its own and is neither busy nor quiet."""
CALLS_OF_FIRST_LOAD = 100
"""Nobody knows how many payments a new merchant has; so many calls make it a large one."""
SCHEDULE: Literal["schedule"] = "schedule"

RoundMode: TypeAlias = Literal["incremental", "full"]


@dataclass(frozen=True)
class Due:
    """A merchant whose turn it is."""

    merchant_id: int
    due_at: datetime
    mode: RoundMode
    """Once a month everything is read again."""


def due_merchants(
    session: Session, *, now: datetime, minutes: float = MINUTES_BETWEEN_SYNCS
) -> Sequence[Due]:
    """Those whose turn it is, longest due first; for the dispatcher."""
    return [_due(row) for row in session.run("due", "due", **_asked(now, minutes), only=None)]


def calls_forecast(session: Session, due: Sequence[Due]) -> Mapping[int, int]:
    """How many calls the sync of each will take, as far as earlier ones tell; for the dispatcher."""
    calls = dict[int, int]()
    for mode in get_args(RoundMode):
        merchants = [one.merchant_id for one in due if one.mode == mode]
        for merchant, found in forecasts(
            session, merchants, SyncRequest(SCHEDULE, SCHEDULE, mode=mode)
        ).items():
            calls[merchant] = CALLS_OF_FIRST_LOAD if found.basis == "unknown" else found.calls
    return calls


def claim_due(
    tenant: Tenant, *, now: datetime, claimed_by: str, minutes: float = MINUTES_BETWEEN_SYNCS
) -> Claimed | None:
    """Ask for this merchant's sync and take it; None where it is not due any more, or somebody else has it."""
    tenant.run("requests", "take_turn_to_ask")
    row = tenant.run("due", "due", **_asked(now, minutes), only=tenant.merchant_id).one_or_none()
    if row is None:
        return None
    request = SyncRequest(asked_by=SCHEDULE, asked_through=SCHEDULE, mode=row.mode)
    asked = tenant.one(
        "requests",
        "ask",
        asked_by=request.asked_by,
        asked_through=request.asked_through,
        lane=LANES[request.asked_through],
        mode=request.mode,
        latest=None,
        since=None,
        until=None,
        emergency=False,
        reason=None,
        dry_run=False,
        claimed_by=claimed_by,
        joined_to=None,
        **asked_with(),
    )
    return Claimed(asked.request_id, request)


def overtaken(session: Session, merchants: Sequence[int]) -> set[int]:
    """Those of these merchants that a person or a webhook is waiting for; for the dispatcher."""
    return set(session.column("due", "overtaken", merchants=list(merchants)))


def _asked(now: datetime, minutes: float) -> dict[str, object]:
    return {"now": now, "minutes": minutes}


def _due(row: Any) -> Due:
    return Due(row.merchant_id, row.due_at, row.mode)
