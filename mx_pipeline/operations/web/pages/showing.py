"""Shows a page: the templates, what every page knows, and refusals as pages that say who must act."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mx_pipeline.errors import MxPipelineError, NotSignedIn
from mx_pipeline.operations.web.pages.refusals import Refusal, refusal_of
from mx_pipeline.operations.web.problems import request_id_of

SIGN_IN = "/signin"
SEE_OTHER = 303


@dataclass(frozen=True)
class FieldError:
    """What is wrong with a field, and what to type."""

    field: str
    words: str


@dataclass(frozen=True)
class Tab:
    """A page of one clinic that this person may open."""

    word: str
    href: str
    is_here: bool = False


@dataclass(frozen=True)
class ClinicHead:
    """The clinic whose page it is."""

    merchant_id: int
    name: str
    timezone: str
    role: str


@dataclass(frozen=True)
class View:
    """What every page knows."""

    person: str = ""
    clinic: ClinicHead | None = None
    tabs: Sequence[Tab] = ()
    embed_origins: Sequence[str] = ()


STRANGER = View()


class PageRoute(APIRoute):
    """A route whose refusals are pages; whoever is not signed in is sent to sign in, and comes back."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Around FastAPI's own."""
        handle = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handle(request)
            except NotSignedIn:
                return to_sign_in(request)
            except (MxPipelineError, RequestValidationError, HTTPException) as error:
                return refused(request, refusal_of(error))

        return shown


def to_sign_in(request: Request) -> Response:
    """And back to where they wanted to go, where that can be asked for again."""
    if request.method != "GET":
        return RedirectResponse(SIGN_IN, SEE_OTHER)
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"{SIGN_IN}?next={quote(wanted, safe='')}", SEE_OTHER)


def refused(request: Request, refusal: Refusal, *, view: View = STRANGER) -> Response:
    """A page that says what went wrong and who must act."""
    return show(
        "error.html",
        view,
        status=refusal.status,
        headers=refusal.headers,
        title=refusal.title,
        words=refusal.words,
        who=refusal.who,
        correlation_id=request_id_of(request) if refusal.status >= 500 else "",
    )


def show(
    template: str, view: View, *, status: int = 200, headers: Mapping[str, str] | None = None, **known: Any
) -> Response:
    """The page. Everything that is shown is escaped."""
    html = _templates().get_template(template).render(view=view, **known)
    return HTMLResponse(html, status, dict(headers or {}))


def go(address: str) -> Response:
    """After a form: to a page that can be looked at again and again."""
    return RedirectResponse(address, SEE_OTHER)


def money(amount: Decimal | None, currency: str | None = None) -> str:
    """As people write it; dollars unless it says otherwise."""
    if amount is None:
        return ""
    sign = "−" if amount < 0 else ""
    unit = "$" if currency in (None, "", "USD") else f"{currency} "
    return f"{sign}{unit}{abs(amount):,.2f}"


def when(at: datetime | None, zone: str) -> str:
    """A moment by the clinic's own clock."""
    if at is None:
        return ""
    here = at.astimezone(ZoneInfo(zone))
    return f"{here:%b} {here.day}, {here.year}, {here:%H:%M}"


def day(at: date | None) -> str:
    """A day of the clinic's own calendar."""
    return "" if at is None else f"{at:%b} {at.day}, {at.year}"


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("mx_pipeline.operations.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = templates.filters  # pyright: ignore[reportAssignmentType]
    filters.update(money=money, when=when, day=day, zip=zip)
    return templates
