"""What people do with syncs: ask, look, cancel; each with its permission. Used by the API and by the pages."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from mx_pipeline.errors import UnknownRequest
from mx_pipeline.operations.at_work import AtWork
from mx_pipeline.operations.web.sync_ids import UNKNOWN, SyncId
from mx_pipeline.warehouse.asking import ask_on_record
from mx_pipeline.warehouse.cancelling import Cancelled, cancel
from mx_pipeline.warehouse.requests import SyncRequest
from mx_pipeline.warehouse.watching import Asked, Watched, history, watch

logger = logging.getLogger(__name__)

MAY_ASK = "sync.manual"
MAY_ASK_IN_EMERGENCY = "sync.emergency"
MAY_LOOK = ("transactions.view:readonly", "invoices.view:readonly")
"""With one of them: whoever sees payments or invoices sees how they came."""


def ask_for_sync(here: AtWork, merchant_id: int, request: SyncRequest) -> SyncId:
    """Ask, or join whoever asked for the same. Raises AccessDenied, BadInput, UnknownMerchant, all recorded."""
    here.require(MAY_ASK, merchant_id)
    if request.emergency:
        here.require(MAY_ASK_IN_EMERGENCY, merchant_id)
    request_id = ask_on_record(here.app, merchant_id, request, person=here.person.user_id)
    told = {"merchant_id": merchant_id, "request_id": request_id, "mode": request.mode}
    logger.info("a sync is asked for", extra=told)
    return SyncId(merchant_id, request_id)


def require_look(here: AtWork, merchant_id: int) -> None:
    """Raise AccessDenied, recorded, where the person sees neither payments nor invoices of the merchant."""
    access = here.access(MAY_LOOK[0], merchant_id)
    if access.permissions.isdisjoint(MAY_LOOK):
        here.require(MAY_LOOK[0], merchant_id)


def look_at_sync(here: AtWork, sync: SyncId) -> Watched:
    """One sync as it stands. Raises AccessDenied, recorded; UnknownRequest."""
    require_look(here, sync.merchant_id)
    with here.merchant(sync.merchant_id) as tenant:
        watched = watch(tenant, sync.request_id)
    if watched is None:
        raise UnknownRequest(UNKNOWN)
    return watched


def syncs_of(here: AtWork, merchant_id: int, *, before: int | None, most: int) -> Sequence[Asked]:
    """The merchant's syncs, newest first. Raises AccessDenied, recorded."""
    require_look(here, merchant_id)
    with here.merchant(merchant_id) as tenant:
        return history(tenant, before=before, most=most)


def cancel_sync(here: AtWork, sync: SyncId) -> Cancelled:
    """Say that nobody waits for it any more. Raises AccessDenied, recorded; UnknownRequest."""
    here.require(MAY_ASK, sync.merchant_id)
    with here.merchant(sync.merchant_id) as tenant:
        if watch(tenant, sync.request_id) is None:
            raise UnknownRequest(UNKNOWN)
        return cancel(tenant, sync.request_id, by=here.person.actor)
