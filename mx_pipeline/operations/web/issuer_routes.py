"""`/signin/issuer` and `/signin/callback`: signing in by the issuer, for the same session as with a token."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mx_pipeline.addresses import Issuer
from mx_pipeline.errors import BadInput, NotSignedIn
from mx_pipeline.operations.bearer import person_of_claims
from mx_pipeline.operations.web.callers import address_of, refuse_stubborn
from mx_pipeline.operations.web.cookies import own_origin, set_session_cookie
from mx_pipeline.operations.web.documenting import PROBLEMS
from mx_pipeline.operations.web.issuer_flow import Journey, address_to_sign_in, claims_of_code
from mx_pipeline.operations.web.office import Office, office_of
from mx_pipeline.operations.web.signing_in import open_for

router = APIRouter(prefix="/signin", tags=["signing in"], responses=PROBLEMS)
JOURNEY_SECONDS = 600
HOME = "/"
SEE_OTHER = 303
Word = Annotated[str | None, Query(max_length=4096)]


@router.get(
    "/issuer", summary="Sign in by the issuer", status_code=SEE_OTHER, response_class=RedirectResponse
)
def leave(request: Request) -> Response:
    """Sends the browser there; it comes back with a code."""
    office = office_of(request)
    refuse_stubborn(request, office)
    journey = Journey.begun()
    answer = RedirectResponse(
        address_to_sign_in(_issuer(office), journey, _callback(request, office)), SEE_OTHER
    )
    answer.set_cookie(
        _cookie(office),
        journey.as_cookie(),
        max_age=JOURNEY_SECONDS,
        path="/",
        httponly=True,
        secure=office.web.is_encrypted,
        samesite="lax",
    )
    return answer


@router.get(
    "/callback", summary="Come back from the issuer", status_code=SEE_OTHER, response_class=RedirectResponse
)
def come_back(request: Request, code: Word = None, state: Word = None) -> Response:
    """Changes the code for a session of the person whom the issuer means, where that person is known here."""
    office = office_of(request)
    refuse_stubborn(request, office)
    issuer = _issuer(office)
    try:
        journey = Journey.of_cookie(request.cookies.get(_cookie(office)))
        claims = claims_of_code(
            issuer,
            journey,
            code=code or "",
            state=state or "",
            redirect_uri=_callback(request, office),
            client_secret=office.web.client_secret,
        )
    except NotSignedIn:
        office.strangers.take(address_of(request), at=time.monotonic())
        raise
    user_id = person_of_claims(claims, issuer, office.app)
    opened = open_for(office, user_id, token_id=None, through="issuer")
    answer = RedirectResponse(HOME, SEE_OTHER)
    answer.delete_cookie(
        _cookie(office), path="/", httponly=True, secure=office.web.is_encrypted, samesite="lax"
    )
    set_session_cookie(answer, office.web, opened.text)
    return answer


def _issuer(office: Office) -> Issuer:
    if office.settings.issuer is None:
        raise BadInput(
            "no issuer is configured here: sign in with a token, or let the operator set MX_OIDC_ISSUER and "
            "MX_OIDC_AUDIENCE"
        )
    return office.settings.issuer


def _callback(request: Request, office: Office) -> str:
    return f"{own_origin(request, office.web)}/signin/callback"


def _cookie(office: Office) -> str:
    return "__Host-mx_signin" if office.web.is_encrypted else "mx_signin"
