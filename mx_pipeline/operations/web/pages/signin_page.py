"""The page to sign in with a token or at the organisation's issuer, and the way out."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline.errors import NotSignedIn
from mx_pipeline.operations.web.callers import CallerNow, address_of, refuse_stubborn
from mx_pipeline.operations.web.cookies import (
    delete_session_cookie,
    refuse_other_origins,
    set_session_cookie,
)
from mx_pipeline.operations.web.office import Office, office_of
from mx_pipeline.operations.web.pages.forms import form_of
from mx_pipeline.operations.web.pages.showing import SIGN_IN, FieldError, PageRoute, View, go, show
from mx_pipeline.operations.web.signing_in import sign_in_with_token, sign_out

router = APIRouter(route_class=PageRoute, include_in_schema=False)

AFTERWARDS = "/clinics"
A_PAGE_OF_OURS = re.compile(r"/[A-Za-z0-9][A-Za-z0-9/_-]*(\?[A-Za-z0-9=&_.%-]*)?", re.ASCII)
"""Never another host: neither //host nor /\\host, which browsers take for one."""
UNAUTHORIZED = 401


@router.get(SIGN_IN)
def signin_page(request: Request, next: Annotated[str, Query()] = "") -> Response:  # noqa: A002 # its name in the address
    """For whoever is not signed in, or wants to be somebody else."""
    return _page(office_of(request), next)


@router.post(f"{SIGN_IN}/token")
def sign_in(request: Request, form: Annotated[Mapping[str, str], Depends(form_of)]) -> Response:
    """The form of the page; its cookie is the one that the API sets."""
    office = office_of(request)
    refuse_other_origins(request, office.web, secret=None)
    refuse_stubborn(request, office)
    try:
        opened = sign_in_with_token(office, form.get("token", ""))
    except NotSignedIn:
        office.strangers.take(address_of(request), at=time.monotonic())
        return _page(office, form.get("next", ""), wrong=True)
    answer = go(page_of_ours(form.get("next", "")))
    set_session_cookie(answer, office.web, opened.text)
    return answer


@router.post("/leave")
def leave(request: Request, caller: CallerNow) -> Response:
    """The session holds no more."""
    sign_out(caller)
    answer = go(SIGN_IN)
    delete_session_cookie(answer, office_of(request).web)
    return answer


def page_of_ours(wanted: str) -> str:
    """Where somebody wanted to go, if that is here."""
    return wanted if A_PAGE_OF_OURS.fullmatch(wanted) else AFTERWARDS


def _page(office: Office, wanted: str, *, wrong: bool = False) -> Response:
    words = "This token is not taken. Copy the whole of it, or ask the operator of this service for another"
    issuer = office.settings.issuer
    return show(
        "signin.html",
        View(embed_origins=office.web.embed_origins),
        status=UNAUTHORIZED if wrong else 200,
        errors=[FieldError("token", words)] if wrong else [],
        next=page_of_ours(wanted),
        issuer=None if issuer is None else issuer.url,
    )
