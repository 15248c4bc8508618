"""The invoices of one clinic, and whether their data were sent: what nurses come for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.web import looking
from mx_pipeline.operations.web.callers import CallerNow
from mx_pipeline.operations.web.pages.clinic import DATA_SENT, SEE_NAMES, clinic_of
from mx_pipeline.operations.web.pages.filters import ROWS, filters_of
from mx_pipeline.operations.web.pages.forms import form_of
from mx_pipeline.operations.web.pages.showing import PageRoute, go, show
from mx_pipeline.operations.web.pages.sync_cards import Tone
from mx_pipeline.warehouse.viewing import DataSent, InvoicesWanted
from mx_pipeline.words import LARGEST_MX_ID

router = APIRouter(route_class=PageRoute, include_in_schema=False)

SENT_WORDS: Mapping[DataSent, tuple[str, Tone]] = MappingProxyType(
    {"pending": ("Pending", "look"), "yes": ("Sent", "good"), "no": ("Not sent", "plain")}
)
LONGEST_NUMBER = len(str(LARGEST_MX_ID))


@router.get("/clinics/{merchant_id}/invoices")
def invoices_page(request: Request, caller: CallerNow, merchant_id: int) -> Response:
    """Newest first; names only for whoever may see them."""
    clinic = clinic_of(request, caller, merchant_id, "invoices")
    filters = filters_of(request.query_params, "sent")
    wanted = InvoicesWanted(
        filters.days, data_sent=_sent(filters.typed["sent"]), before=_number(filters.typed["after"])
    )
    found = looking.invoices(caller.here, merchant_id, wanted, most=ROWS + 1)
    shown, last = found[:ROWS], found[ROWS - 1] if len(found) > ROWS else None
    path = request.url.path
    return show(
        "invoices.html",
        clinic.view,
        errors=filters.errors,
        typed=filters.typed,
        here=path,
        query=filters.query(after=filters.typed["after"] or None),
        is_filtered=filters.is_filtered,
        is_later_page=bool(filters.typed["after"]),
        first=path + filters.query(),
        older=last and path + filters.query(after=str(last["mx_invoice_id"])),
        rows=shown,
        sees_names=clinic.may(SEE_NAMES),
        may_write=clinic.may(DATA_SENT),
        sent_words=SENT_WORDS,
        saved=_number(request.query_params.get("saved", "")),
    )


@router.post("/clinics/{merchant_id}/invoices/{invoice_id}/data-sent")
def data_sent(
    request: Request,
    caller: CallerNow,
    merchant_id: int,
    invoice_id: int,
    form: Annotated[Mapping[str, str], Depends(form_of)],
) -> Response:
    """And back to the same rows."""
    status = _sent(form.get("status", ""))
    if status is None:
        raise BadInput(f"choose one of {', '.join(word for word, _ in SENT_WORDS.values())}")
    if not 0 < invoice_id <= LARGEST_MX_ID:
        raise BadInput("there is no such invoice")
    looking.set_data_sent(caller.here, merchant_id, invoice_id, status, None)
    kept = filters_of(request.query_params, "sent")
    query = kept.query(after=kept.typed["after"] or None)
    joined = f"{query}&" if query else "?"
    return go(f"/clinics/{merchant_id}/invoices{joined}saved={invoice_id}#invoice-{invoice_id}")


def _sent(text: str) -> DataSent | None:
    return next((known for known in SENT_WORDS if known == text), None)


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER
    return int(text) if is_number and 0 < int(text) <= LARGEST_MX_ID else None
