"""The sync page of one clinic: what to ask for, what it will cost, how the clinic stands, and what was before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.web.callers import Caller, CallerNow
from mx_pipeline.operations.web.pages.clinic import EMERGENCY, SYNC, Clinic, clinic_of
from mx_pipeline.operations.web.pages.forms import Typed, form_of, request_of
from mx_pipeline.operations.web.pages.my_clinics import names_of
from mx_pipeline.operations.web.pages.showing import FieldError, PageRoute, go, show, when
from mx_pipeline.operations.web.pages.sync_cards import Tone
from mx_pipeline.operations.web.pages.sync_words import row_of
from mx_pipeline.operations.web.sync_questions import MOST_COUNT, MOST_COUNT_IN_EMERGENCY
from mx_pipeline.operations.web.syncing import ask_for_sync
from mx_pipeline.warehouse.forecasting import Forecast, forecast
from mx_pipeline.warehouse.watching import Asked, ClinicNow, clinic_now, history
from mx_pipeline.words import merchant_id as merchant_number

router = APIRouter(route_class=PageRoute, include_in_schema=False)

ROWS = 20
UNPROCESSABLE = 422


@dataclass(frozen=True)
class Cost:
    """What a sync will cost, in words."""

    number: str
    words: str


@dataclass(frozen=True)
class Pair:
    """One line of how the clinic stands."""

    word: str
    value: str
    tone: Tone | None = None


@router.get("/clinics/{merchant_id}/sync")
def sync_page(
    request: Request,
    caller: CallerNow,
    merchant_id: int,
    by: Annotated[str, Query()] = "",
    before: Annotated[int | None, Query()] = None,
) -> Response:
    """Form, standing, history."""
    clinic = clinic_of(request, caller, merchant_id, "sync")
    return _page(
        caller, clinic, Typed.of(request.query_params), [], from_people=by == "people", before=before
    )


@router.get("/clinics/{merchant_id}/sync/cost")
def cost(request: Request, caller: CallerNow, merchant_id: int) -> Response:
    """What the form, as it is filled in, will cost: a part of the page."""
    clinic = clinic_of(request, caller, merchant_id, "sync")
    caller.here.require(SYNC, merchant_id)
    return show("cost.html", clinic.view, cost=_cost(caller, clinic, Typed.of(request.query_params)))


@router.post("/clinics/{merchant_id}/sync")
def start(
    request: Request,
    caller: CallerNow,
    merchant_id: int,
    form: Annotated[Mapping[str, str], Depends(form_of)],
) -> Response:
    """Ask, and go to where it is watched."""
    chosen = merchant_number(form["clinic"]) if form.get("clinic") else merchant_id
    typed = Typed.of(form)
    caller.here.require(SYNC, chosen)
    clinic = clinic_of(request, caller, chosen, "sync")
    wanted = request_of(typed, asked_by=caller.here.person.actor, dry_run=form.get("do") == "try")
    if isinstance(wanted, list) or form.get("do") == "cost":
        return _page(caller, clinic, typed, wanted if isinstance(wanted, list) else [])
    try:
        sync = ask_for_sync(caller.here, chosen, wanted)
    except BadInput as error:
        return _page(caller, clinic, typed, [FieldError("", f"{str(error)[:1].upper()}{str(error)[1:]}")])
    return go(f"/clinics/{chosen}/sync/{sync.request_id}")


def _page(
    caller: Caller,
    clinic: Clinic,
    typed: Typed,
    errors: Sequence[FieldError],
    *,
    from_people: bool = False,
    before: int | None = None,
) -> Response:
    with caller.here.merchant(clinic.merchant_id) as tenant:
        now = clinic_now(tenant)
        rows = history(tenant, before=before, most=ROWS + 1, from_people=from_people)
    me = caller.here.person.actor
    running = now.open_request and f"/clinics/{clinic.merchant_id}/sync/{now.open_request}"
    return show(
        "sync.html",
        clinic.view,
        status=UNPROCESSABLE if errors else 200,
        errors=errors,
        typed=typed,
        may_sync=clinic.may(SYNC),
        may_emergency=clinic.may(EMERGENCY),
        most=MOST_COUNT,
        most_in_emergency=f"{MOST_COUNT_IN_EMERGENCY:,}",
        choices=names_of(caller, SYNC) if clinic.may(SYNC) else [],
        cost=None if errors or not clinic.may(SYNC) else _cost(caller, clinic, typed),
        standing=_standing(now, clinic),
        running=running,
        history=[row_of(one, me=me) for one in rows[:ROWS]],
        from_people=from_people,
        older=_older(rows, from_people=from_people),
    )


def _cost(caller: Caller, clinic: Clinic, typed: Typed) -> Cost | None:
    wanted = request_of(typed, asked_by=caller.here.person.actor, needs_reason=False)
    if isinstance(wanted, list):
        return None
    with caller.here.merchant(clinic.merchant_id) as tenant:
        return _cost_words(forecast(tenant, wanted))


def _cost_words(found: Forecast) -> Cost:
    said = "call" if found.calls == 1 else "calls"
    lists, pages = found.payment_pages + found.invoice_pages, found.details
    if found.basis == "unknown":
        return Cost(f"At least {found.calls:,} {said}", "How many is known after the first sync.")
    words = f"{lists:,} to read the lists, {pages:,} to read single invoices; reckoned from {found.basis}."
    return Cost(f"About {found.calls:,} {said}", words)


def _standing(now: ClinicNow, clinic: Clinic) -> list[Pair]:
    zone = clinic.head.timezone
    pairs = [Pair("Up to date as of", when(now.last_success_at, zone) or "never synced")]
    if not now.is_active:
        pairs.append(Pair("Syncs", "Paused", "look"))
    if now.credentials_refused_at is not None:
        pairs.append(Pair("API key", "Refused by MX Merchant", "bad"))
    if now.resumes_at is not None:
        pairs.append(Pair("Held back until", when(now.resumes_at, zone), "look"))
    proof: dict[str | None, tuple[str, Tone]] = {
        "agrees": ("Agrees with MX Merchant", "good"),
        "differs": ("Something is missing", "bad"),
        "unproven": ("Not proven", "look"),
    }
    if now.last_verdict in proof:
        pairs.append(Pair("Last proof", *proof[now.last_verdict]))
    if now.record_count is not None:
        pairs.append(Pair("Payments at MX Merchant", f"{now.record_count:,}"))
    if now.quarantined:
        pairs.append(Pair("Set aside", f"{now.quarantined:,}", "look"))
    pairs.append(Pair("My role", clinic.head.role))
    return pairs


def _older(rows: Sequence[Asked], *, from_people: bool) -> str | None:
    if len(rows) <= ROWS:
        return None
    return f"?before={rows[ROWS - 1].request_id}" + ("&by=people" if from_people else "")
