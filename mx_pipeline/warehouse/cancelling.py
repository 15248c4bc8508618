"""Cancels a request: one that waits ends at once, one that runs within a page; what is committed stays."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from mx_pipeline.errors import BadInput, SyncStopped
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.requests import finish

Cancelled: TypeAlias = Literal["cancelled", "stopping", "goes on for others", "already done"]


def cancel(tenant: Tenant, request_id: int, *, by: str, although_joined: bool = False) -> Cancelled:
    """Say that nobody waits for this request any more. Raises BadInput where there is no such request.

    A sync that others have joined goes on for them, unless `although_joined`: it then ends for them, too.
    """
    found = tenant.run("requests", "lock_request", request_id=request_id).one_or_none()
    if found is None:
        raise BadInput(f"merchant {tenant.merchant_id} has no request {request_id}")
    if found.status == "done":
        return "already done"
    outcome = _ended(tenant, request_id, found, by, although_joined=although_joined)
    record(
        tenant,
        actor=by,
        action="sync.cancelled",
        subject=f"request {request_id}",
        detail={"found": found.status, "outcome": outcome},
    )
    return outcome


def cancel_all(tenant: Tenant, *, by: str) -> dict[int, Cancelled]:
    """The same for everything that is asked of this merchant and has no answer yet."""
    asked = tenant.column("requests", "open_requests")
    return {request_id: cancel(tenant, request_id, by=by, although_joined=True) for request_id in asked}


def _ended(tenant: Tenant, request_id: int, found: Any, by: str, *, although_joined: bool) -> Cancelled:
    has_joiners = tenant.one("requests", "joined_by", request_id=request_id)[0] > 0
    if has_joiners and not although_joined:
        return "goes on for others"
    message = f"cancelled by {by}"
    if found.status == "claimed":
        tenant.run("requests", "mark_cancelled", request_id=request_id, by=by)
        tenant.run("leases", "ask_to_stop", message=message, holder=found.claimed_by)
        return "stopping"
    finish(tenant, request_id, run_id=None, outcome="cancelled", message=message)
    return "cancelled"


def heed_cancelling(tenant: Tenant, request_id: int) -> None:
    """At the start of a sync: it may have been cancelled while it waited for its turn. Raises SyncStopped."""
    by = tenant.one("requests", "cancelled_by", request_id=request_id)[0]
    if by is not None:
        raise SyncStopped(f"cancelled by {by}")


def was_cancelled(tenant: Tenant, request_id: int) -> bool:
    """Has this request ended so? One that is not there has not."""
    found = tenant.run("requests", "request", request_id=request_id).one_or_none()
    return found is not None and found.outcome == "cancelled"
