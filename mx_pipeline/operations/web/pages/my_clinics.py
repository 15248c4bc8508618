"""The clinics of one person, each with their role in it, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline.access import Access
from mx_pipeline.operations.web.callers import Caller, CallerNow
from mx_pipeline.operations.web.office import office_of
from mx_pipeline.operations.web.pages.clinic import role_word, tabs_of
from mx_pipeline.operations.web.pages.showing import PageRoute, Tab, View, go, show
from mx_pipeline.operations.web.pages.sync_cards import Tone
from mx_pipeline.warehouse.merchants import Merchant, get_merchant
from mx_pipeline.warehouse.people import merchants_of
from mx_pipeline.warehouse.watching import ClinicNow, clinic_now, my_name
from mx_pipeline.words import merchant_id as merchant_number

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOST_SHOWN = 60
"""A super admin has thousands; they find one by its number."""
MOST_CHOICES = 30
"""Each is read as this person, inside that merchant."""


@dataclass(frozen=True)
class Choice:
    """A clinic to choose."""

    merchant_id: int
    name: str


@dataclass(frozen=True)
class MyClinic:
    """A card of the list."""

    merchant_id: int
    name: str
    is_sandbox: bool
    role: str
    href: str
    tabs: list[Tab]
    last_sync: datetime | None
    zone: str
    tone: Tone
    standing: str


@router.get("/")
def home() -> Response:
    """Everything begins at the clinics."""
    return go("/clinics")


@router.get("/clinics")
def clinics_page(request: Request, caller: CallerNow, find: Annotated[str, Query()] = "") -> Response:
    """Tenants with my role in each; `find` goes to the one with that number."""
    if find.strip():
        return go(f"/clinics/{merchant_number(find.strip())}/sync")
    with caller.here.platform() as session:
        person = my_name(session)
        mine = merchants_of(session, caller.here.person.user_id)
    shown = [_clinic(caller, merchant_id, access) for merchant_id, access in list(mine.items())[:MOST_SHOWN]]
    view = View(person=person, embed_origins=office_of(request).web.embed_origins)
    return show("clinics.html", view, clinics=[one for one in shown if one.tabs], number=len(mine))


def names_of(caller: Caller, permission: str) -> list[Choice]:
    """The clinics where this person has the permission, by name; none where they are too many to choose from."""
    found = caller.here.merchants(permission) or []
    if len(found) > MOST_CHOICES:
        return []
    choices: list[Choice] = []
    for merchant_id in found:
        with caller.here.merchant(merchant_id) as tenant:
            choices.append(Choice(merchant_id, get_merchant(tenant).name))
    return sorted(choices, key=lambda one: (one.name.casefold(), one.merchant_id))


def _clinic(caller: Caller, merchant_id: int, access: Access) -> MyClinic:
    with caller.here.merchant(merchant_id) as tenant:
        merchant, now = get_merchant(tenant), clinic_now(tenant)
    tabs = tabs_of(access, merchant_id)
    tone, standing = _standing(merchant, now)
    return MyClinic(
        merchant_id=merchant_id,
        name=merchant.name,
        is_sandbox=merchant.environment == "sandbox",
        role=role_word(access),
        href=tabs[0].href if tabs else "",
        tabs=tabs,
        last_sync=now.last_success_at,
        zone=merchant.timezone,
        tone=tone,
        standing=standing,
    )


def _standing(merchant: Merchant, now: ClinicNow) -> tuple[Tone, str]:
    if not merchant.is_active:
        return "look", "Paused"
    if now.credentials_refused_at is not None:
        return "bad", "API key refused"
    if now.last_verdict == "agrees" and now.last_outcome == "success":
        return "good", "Agrees with MX Merchant"
    if now.last_success_at is None:
        return "plain", "Nothing synced yet"
    return "look", "Last sync needs a look"
