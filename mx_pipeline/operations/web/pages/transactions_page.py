"""The payments of one clinic, newest first, a page at a time."""

from __future__ import annotations

from types import MappingProxyType

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline.operations.web import looking
from mx_pipeline.operations.web.callers import CallerNow
from mx_pipeline.operations.web.cursors import cursor_of, place_of
from mx_pipeline.operations.web.pages.clinic import SEE_NAMES, clinic_of
from mx_pipeline.operations.web.pages.filters import ROWS, filters_of
from mx_pipeline.operations.web.pages.showing import PageRoute, show
from mx_pipeline.warehouse.viewing import TransactionsWanted

router = APIRouter(route_class=PageRoute, include_in_schema=False)

STATUSES = (
    "Approved",
    "Settled",
    "Declined",
    "Voided",
    "Chargedback",
    "AuthOnly",
    "InProgress",
    "TicketOnly",
)
"""As MX Merchant writes them."""
WITH_INVOICE = MappingProxyType({"with": True, "without": False})


@router.get("/clinics/{merchant_id}/transactions")
def transactions_page(request: Request, caller: CallerNow, merchant_id: int) -> Response:
    """Names only for whoever may see them; that they were read is on the record."""
    clinic = clinic_of(request, caller, merchant_id, "transactions")
    filters = filters_of(request.query_params, "status", "invoice")
    wanted = TransactionsWanted(
        filters.days,
        status=filters.typed["status"] or None,
        has_invoice=WITH_INVOICE.get(filters.typed["invoice"]),
        before=place_of(filters.typed["after"] or None),
    )
    found = looking.transactions(caller.here, merchant_id, wanted, most=ROWS + 1)
    shown, last = found[:ROWS], found[ROWS - 1] if len(found) > ROWS else None
    after = None if last is None else cursor_of(last["transaction_date"], last["mx_payment_id"])
    return show(
        "transactions.html",
        clinic.view,
        errors=filters.errors,
        typed=filters.typed,
        here=request.url.path,
        is_filtered=filters.is_filtered,
        is_later_page=bool(filters.typed["after"]),
        first=request.url.path + filters.query(),
        older=after and request.url.path + filters.query(after=after),
        rows=shown,
        sees_names=clinic.may(SEE_NAMES),
        statuses=STATUSES,
    )
