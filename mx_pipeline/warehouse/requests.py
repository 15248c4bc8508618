"""Sync requests: everything and everyone asks the same way, and each request is answered once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

from mx_pipeline.correlation import correlation, plain_id, trace_id_of
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.limits import MOST_LATEST as MOST_LATEST
from mx_pipeline.warehouse.limits import MOST_LATEST_IN_EMERGENCY as MOST_LATEST_IN_EMERGENCY
from mx_pipeline.warehouse.limits import check_limits
from mx_pipeline.warehouse.merchants import get_merchant, paused

AskedThrough: TypeAlias = Literal["command", "dagster", "api", "webhook", "schedule"]
LANES: Mapping[AskedThrough, int] = {"webhook": 1, "api": 1, "command": 1, "schedule": 2, "dagster": 3}
"""Who waits for the answer goes first: people and webhooks, then the schedule, then backfills."""
LAST_LANE = 3


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
    dry_run: bool = False
    """Reads and compares, and writes nothing of the merchant's."""
    correlation_id: str | None = None
    traceparent: str | None = None
    """Of what it was asked with, as its row keeps them."""

    def check(self, *, today: date | None = None) -> None:
        """Raise BadInput where the limits of the source document are passed; the database holds the same.

        `today`: at the merchant, where that is known; its days have to be told by it.
        """
        check_limits(self, today)


@dataclass(frozen=True)
class Claimed:
    """A request that is ours to answer."""

    request_id: int
    request: SyncRequest


def ask(tenant: Tenant, request: SyncRequest, *, claimed_by: str | None = None) -> int:
    """Ask for a sync of this merchant; `claimed_by` where the asker answers it itself. Returns the request's id.

    Where the same is asked for already, this request joins that one and ends with it. Raises BadInput for
    limits passed and for a paused merchant, UnknownMerchant.
    """
    request.check()
    merchant = get_merchant(tenant)
    if not merchant.is_active:
        raise paused(merchant.merchant_id)
    if request.mode == "range":
        request.check(today=tenant.one("requests", "today")[0])
    lane = LANES[request.asked_through]
    row = tenant.one(
        "requests",
        "ask",
        asked_by=request.asked_by,
        asked_through=request.asked_through,
        lane=lane,
        mode=request.mode,
        latest=request.latest,
        since=request.since,
        until=request.until,
        emergency=request.emergency,
        reason=request.reason,
        dry_run=request.dry_run,
        claimed_by=claimed_by,
        joined_to=None if claimed_by else _joined(tenant, request, lane),
        **asked_with(),
    )
    detail: dict[str, object] = {
        name: str(value) if isinstance(value, date) else value
        for name in ("mode", "latest", "since", "until")
        if (value := getattr(request, name)) is not None
    }
    if request.dry_run:
        detail["dryRun"] = True
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


def asked_with() -> Mapping[str, str | None]:
    """What the asking belongs to: the answer, maybe another process's, says so too."""
    here = correlation()
    return {"correlation_id": here.correlation_id, "traceparent": here.traceparent}


def _joined(tenant: Tenant, request: SyncRequest, lane: int) -> int | None:
    """The open request that asks for the same, where there is one; it takes the better lane of the two."""
    tenant.run("requests", "take_turn_to_ask")
    same = {name: getattr(request, name) for name in ("mode", "latest", "since", "until", "dry_run")}
    first = tenant.run("requests", "open_request", **same).one_or_none()
    if first is None:
        return None
    tenant.run("requests", "join_lane", request_id=first.request_id, lane=lane)
    return int(first.request_id)


def actor_of(asked_by: str) -> str:
    """Who asked, as the audit log names it."""
    return asked_by if ":" in asked_by else f"process:{asked_by}"


def claim(tenant: Tenant, request_id: int, *, claimed_by: str) -> Claimed | None:
    """Take the request, unless somebody else has it or it is done."""
    row = tenant.run("requests", "claim", request_id=request_id, claimed_by=claimed_by).one_or_none()
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
        dry_run=row.dry_run,
        correlation_id=plain_id(row.correlation_id),
        traceparent=row.traceparent if trace_id_of(row.traceparent) else None,
    )
    return Claimed(row.request_id, request)


def finish(tenant: Tenant, request_id: int, *, run_id: int | None, outcome: str, message: str) -> None:
    """The request is answered, and so is everyone who joined it."""
    answer = {"request_id": request_id, "run_id": run_id, "outcome": outcome, "message": message}
    tenant.run("requests", "finish_request", **answer)
    tenant.run("requests", "finish_joined", **answer)


def wait_again(tenant: Tenant, request_id: int, *, claimed_by: str) -> None:
    """Whoever claimed it has to stop; somebody else goes on."""
    tenant.run("requests", "wait_again", request_id=request_id, claimed_by=claimed_by)


def give_up(tenant: Tenant, request_id: int, *, outcome: str, message: str) -> None:
    """Close the request and the run behind it, where whoever answered it stops before its end."""
    run = tenant.run(
        "sync", "give_up_run", request_id=request_id, outcome=outcome, message=message
    ).one_or_none()
    run_id = None if run is None else run.run_id
    if run is not None and not run.dry_run:
        quarantined = tenant.one("sync", "quarantined")[0]
        tenant.run(
            "sync", "keep_outcome", run_id=run_id, outcome=outcome, verdict=None, quarantined=quarantined
        )
    finish(tenant, request_id, run_id=run_id, outcome=outcome, message=message)


def get_request(tenant: Tenant, request_id: int) -> Any:
    """The row of one request."""
    return tenant.one("requests", "request", request_id=request_id)
