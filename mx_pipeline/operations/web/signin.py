"""`/signin` and `/signout`: a token, or an issuer's word, for the cookie of a session; no passwords."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mx_pipeline.errors import NotSignedIn
from mx_pipeline.operations.web.callers import CallerNow, address_of, refuse_stubborn
from mx_pipeline.operations.web.cookies import (
    csrf_token,
    delete_session_cookie,
    refuse_other_origins,
    set_session_cookie,
)
from mx_pipeline.operations.web.documenting import PROBLEMS
from mx_pipeline.operations.web.office import office_of
from mx_pipeline.operations.web.questions import Question
from mx_pipeline.operations.web.signing_in import sign_in_with_token, sign_out
from mx_pipeline.warehouse.sessions import WRITTEN

router = APIRouter(tags=["signing in"])


class SignIn(Question):
    """What is brought."""

    token: Annotated[str, Field(min_length=1, max_length=8192)]


@router.post("/signin", summary="Sign in with a token, for a session", responses=PROBLEMS)
def sign_in(request: Request, question: Annotated[SignIn, Body()]) -> Response:
    """The answer sets an HttpOnly cookie, good for 15 minutes after the last call and 12 hours at most."""
    office = office_of(request)
    refuse_other_origins(request, office.web, secret=None)
    refuse_stubborn(request, office)
    try:
        opened = sign_in_with_token(office, question.token)
    except NotSignedIn:
        office.strangers.take(address_of(request), at=time.monotonic())
        raise
    answer = JSONResponse(
        {"csrf_token": csrf_token(_secret(opened.text)), "expires_at": opened.expires_at.isoformat()}
    )
    set_session_cookie(answer, office.web, opened.text)
    return answer


@router.post("/signout", summary="End this session", status_code=204, responses=PROBLEMS)
def leave(request: Request, found: CallerNow) -> Response:
    """The session holds no more, wherever its cookie is. A token is not ended by this."""
    sign_out(found)
    answer = Response(status_code=204)
    delete_session_cookie(answer, office_of(request).web)
    return answer


def _secret(text: str) -> str:
    written = WRITTEN.fullmatch(text)
    assert written is not None
    return written[2]
