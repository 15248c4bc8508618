"""One sync, watched: its steps with real numbers, then its cards; the address is all the state there is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline.operations.web.callers import Caller, CallerNow, identified
from mx_pipeline.operations.web.office import office_of
from mx_pipeline.operations.web.pages.clinic import SYNC, Clinic, clinic_of
from mx_pipeline.operations.web.pages.showing import PageRoute, go, show
from mx_pipeline.operations.web.pages.sync_cards import cards_of
from mx_pipeline.operations.web.pages.sync_ends import end_of
from mx_pipeline.operations.web.pages.sync_steps import course_of
from mx_pipeline.operations.web.pages.sync_words import what_of, who_of
from mx_pipeline.operations.web.sync_ids import SyncId
from mx_pipeline.operations.web.syncing import cancel_sync, look_at_sync
from mx_pipeline.warehouse.watching import Watched

router = APIRouter(route_class=PageRoute, include_in_schema=False)

ADDRESS = "/clinics/{merchant_id}/sync/{request_id}"
JUST_NOW = timedelta(seconds=60)
"""A page that comes after the end still tells the page around it, where the sync was shorter than the way here."""


@router.get(ADDRESS)
def watch_page(request: Request, caller: CallerNow, merchant_id: int, request_id: int) -> Response:
    """The whole page."""
    clinic = clinic_of(request, caller, merchant_id, "sync")
    known = _known(caller, clinic, request_id)
    return show("watch.html", clinic.view, for_others=request.query_params.get("for") == "others", **known)


@router.get(f"{ADDRESS}/part")
def watch_part(request: Request, merchant_id: int, request_id: int) -> Response:
    """The part of it that changes. That a page asks for it is no sign that a person is there."""
    caller = identified(request, office_of(request), is_use=False)
    clinic = clinic_of(request, caller, merchant_id, "sync")
    return show("watch_part.html", clinic.view, **_known(caller, clinic, request_id))


@router.post(f"{ADDRESS}/cancel")
def stop(caller: CallerNow, merchant_id: int, request_id: int) -> Response:
    """It ends within a page; what is saved stays."""
    came_to = cancel_sync(caller.here, SyncId(merchant_id, request_id))
    note = "?for=others" if came_to == "goes on for others" else ""
    return go(f"/clinics/{merchant_id}/sync/{request_id}{note}")


def _known(caller: Caller, clinic: Clinic, request_id: int) -> dict[str, Any]:
    watched = look_at_sync(caller.here, SyncId(clinic.merchant_id, request_id))
    course = course_of(watched)
    return {
        "watched": watched,
        "here": f"/clinics/{clinic.merchant_id}/sync/{request_id}",
        "title": f"{'Trial' if watched.dry_run else 'Sync'} of {clinic.head.name}",
        "what": what_of(watched),
        "who": who_of(watched, me=caller.here.person.actor).replace("You", "you"),
        "end": end_of(watched),
        "course": course,
        "cards": cards_of(watched),
        "calls": _calls(watched),
        "may_cancel": clinic.may(SYNC),
        "is_stopping": watched.cancelled_by is not None and not watched.is_done,
        "is_dry_run": watched.dry_run,
        "has_just_ended": _has_just_ended(watched),
    }


def _calls(watched: Watched) -> str:
    if not watched.calls:
        return ""
    return f"{watched.calls:,} {'call' if watched.calls == 1 else 'calls'} to MX Merchant so far."


def _has_just_ended(watched: Watched) -> bool:
    return watched.finished_at is not None and datetime.now(UTC) - watched.finished_at < JUST_NOW
