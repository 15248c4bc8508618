"""Inviting people to a clinic, and accepting an invitation."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline.access import TENANT_ROLES, may_give
from mx_pipeline.errors import AccessDenied, BadInput
from mx_pipeline.operations import inviting
from mx_pipeline.operations.people import address
from mx_pipeline.operations.web.callers import Caller, CallerNow, address_of, refuse_stubborn
from mx_pipeline.operations.web.cookies import own_origin, refuse_other_origins
from mx_pipeline.operations.web.office import office_of
from mx_pipeline.operations.web.pages.clinic import ROLE_WORDS, Clinic, clinic_of
from mx_pipeline.operations.web.pages.forms import form_of
from mx_pipeline.operations.web.pages.showing import FieldError, PageRoute, View, show, when
from mx_pipeline.operations.web.pages.sync_cards import Tone
from mx_pipeline.warehouse.tokens import Issued, invitations_here

router = APIRouter(route_class=PageRoute, include_in_schema=False)

ACCEPT = "/invitation"
MOST_SHOWN = 20
UNPROCESSABLE = 422
MAY: Mapping[str, str] = MappingProxyType(
    {
        "tenant_admin": "Starts syncs, sees everything with names, invites staff.",
        "clinic_staff": "Sees payments and invoices with names, and exports them.",
        "nurse": "Sees invoices without names, and notes whether data were sent.",
        "viewer": "Sees payments and invoices without names.",
        "investor": "Sees sums of complete months only.",
    }
)


@dataclass(frozen=True)
class RoleToGive:
    """One of the choices."""

    name: str
    word: str
    may: str


@dataclass(frozen=True)
class Invited:
    """Somebody who was invited."""

    email: str
    role: str
    words: str
    tone: Tone
    state: str


@router.get("/clinics/{merchant_id}/invitations")
def invitations_page(request: Request, caller: CallerNow, merchant_id: int) -> Response:
    """A form, and who was invited."""
    clinic = clinic_of(request, caller, merchant_id, "invitations")
    return _page(request, caller, clinic, {})


@router.post("/clinics/{merchant_id}/invitations")
def invite(
    request: Request,
    caller: CallerNow,
    merchant_id: int,
    form: Annotated[Mapping[str, str], Depends(form_of)],
) -> Response:
    """The invitation is shown in the answer, and never again."""
    clinic = clinic_of(request, caller, merchant_id, "invitations")
    days, errors = form.get("days", ""), list[FieldError]()
    try:
        address(form.get("email", ""))
    except BadInput:
        errors.append(FieldError("email", "Type an e-mail address, such as kim@clinic.example"))
    if form.get("role") not in TENANT_ROLES:
        errors.append(FieldError("role", "Choose a role"))
    if not (days.isascii() and days.isdigit() and 1 <= int(days[:3]) <= inviting.LONGEST_DAYS):
        errors.append(FieldError("days", f"Type a whole number from 1 to {inviting.LONGEST_DAYS}"))
    if errors:
        return _page(request, caller, clinic, form, errors=errors)
    issued = inviting.invite(caller.here, form["email"], form["role"], merchant_id, days=int(days))
    return _page(request, caller, clinic, form, issued=issued)


@router.get(ACCEPT)
def accept_page(request: Request) -> Response:
    """For whoever was sent one; they need not be anybody here yet."""
    return _accept_page(request)


@router.post(ACCEPT)
def accept(request: Request, form: Annotated[Mapping[str, str], Depends(form_of)]) -> Response:
    """The secret says who comes."""
    office = office_of(request)
    refuse_other_origins(request, office.web, secret=None)
    refuse_stubborn(request, office)
    try:
        accepted = inviting.accept(office.app, form.get("invitation", ""))
    except AccessDenied:
        office.strangers.take(address_of(request), at=time.monotonic())
        words = "This invitation does not hold. Copy the whole of it, or ask for another"
        return _accept_page(request, errors=[FieldError("invitation", words)])
    return _accept_page(request, accepted=accepted)


def _accept_page(
    request: Request, *, errors: Sequence[FieldError] = (), accepted: object | None = None
) -> Response:
    office = office_of(request)
    return show(
        "accept.html",
        View(embed_origins=office.web.embed_origins),
        status=UNPROCESSABLE if errors else 200,
        errors=errors,
        accepted=accepted,
        issuer=office.settings.issuer,
    )


def _page(
    request: Request,
    caller: Caller,
    clinic: Clinic,
    form: Mapping[str, str],
    *,
    errors: Sequence[FieldError] = (),
    issued: Issued | None = None,
) -> Response:
    with caller.here.merchant(clinic.merchant_id) as tenant:
        rows = invitations_here(tenant, most=MOST_SHOWN)
    typed = {"email": "", "role": "", "days": str(inviting.DAYS)} | dict(form)
    roles = [
        RoleToGive(role, ROLE_WORDS[role].capitalize(), MAY.get(role, ""))
        for role in TENANT_ROLES
        if may_give(clinic.access, role)
    ]
    return show(
        "invitations.html",
        clinic.view,
        status=UNPROCESSABLE if errors else 200,
        errors=errors,
        typed=typed,
        roles=roles,
        issued=issued,
        accept_at=own_origin(request, office_of(request).web) + ACCEPT,
        invitations=[_invited(row, clinic.head.timezone) for row in rows],
    )


def _invited(row: Any, zone: str) -> Invited:
    role = ROLE_WORDS.get(row.role, row.role)
    if row.accepted_at is not None:
        return Invited(row.email, role, when(row.accepted_at, zone), "good", "Accepted")
    if row.expires_at <= datetime.now(UTC):
        return Invited(row.email, role, f"until {when(row.expires_at, zone)}", "plain", "Expired")
    return Invited(row.email, role, f"good until {when(row.expires_at, zone)}", "plain", "Waiting")
