"""Who calls: a bearer token, or the session of a browser; asked anew with every call, and never too often."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.requests import HTTPConnection, Request

from mx_pipeline.errors import AccessDenied, NotSignedIn, TooManyRequests
from mx_pipeline.operations.at_work import AtWork, Person
from mx_pipeline.operations.bearer import person_of
from mx_pipeline.operations.web.cookies import (
    SAFE_METHODS,
    csrf_token,
    refuse_other_origins,
    session_cookie,
)
from mx_pipeline.operations.web.office import Office, office_of
from mx_pipeline.warehouse.sessions import Presented, whose_session

BEARER = "bearer "
NOBODY_CAME = (
    "nobody is signed in: send the header Authorization: Bearer with your token, or sign in at /signin; the operator "
    "gives tokens: mx-pipeline users token EMAIL"
)
NOT_TAKEN = (
    "this token is not taken: it is none of this installation's or its issuer's, was copied in part, was revoked, has "
    "expired, or its account is not active; sign in again, or ask the operator for another"
)
SLOWER = "that was faster than one caller may ask; wait as long as Retry-After says"


@dataclass(frozen=True)
class Caller:
    """Somebody who has said who they are, with the warehouse before them."""

    here: AtWork
    session: Presented | None = field(default=None, repr=False)
    """Of a browser; None for a program with a token."""

    @property
    def csrf_token(self) -> str | None:
        """What a page puts into X-CSRF-Token, where the browser names no origin."""
        return None if self.session is None else csrf_token(self.session.secret)


def caller(
    request: Request,
    _bearer: Annotated[object, Security(HTTPBearer(auto_error=False, description="A token"))] = None,
    _cookie: Annotated[object, Security(APIKeyCookie(name="mx_session", auto_error=False))] = None,
) -> Caller:
    """A dependency of every route that is not for strangers. Raises NotSignedIn, TooManyRequests, AccessDenied."""
    office = office_of(request)
    found = identified(request, office)
    if found.session is not None and request.method not in SAFE_METHODS:
        refuse_other_origins(request, office.web, secret=found.session.secret)
    wait = office.callers.take(found.here.person.user_id, at=time.monotonic())
    if wait:
        raise TooManyRequests(SLOWER, retry_after_seconds=wait)
    return found


def person_at_work(found: Annotated[Caller, Depends(caller)]) -> AtWork:
    """The same, for routes to whom a session is like a token."""
    return found.here


CallerNow = Annotated[Caller, Depends(caller)]
Here = Annotated[AtWork, Depends(person_at_work)]


def identified(connection: HTTPConnection, office: Office, *, is_use: bool = True) -> Caller:
    """Who this is. Raises NotSignedIn; TooManyRequests for an address that tried in vain too often.

    `is_use`: that a person did something, so that their session is not idle.
    """
    header, cookie = connection.headers.get("authorization"), session_cookie(connection, office.web)
    try:
        if header is not None and header.lower().startswith(BEARER):
            return of_token(office, header[len(BEARER) :].strip())
        if header is None and cookie is not None:
            return of_session(office, cookie, is_use=is_use)
    except NotSignedIn:
        # Whoever proves who they are is not held up by a neighbour behind the same address.
        wait = office.strangers.take(address_of(connection), at=time.monotonic())
        if wait:
            raise TooManyRequests(SLOWER, retry_after_seconds=wait) from None
        raise
    raise NotSignedIn(NOBODY_CAME)


def of_token(office: Office, token: str) -> Caller:
    """Whose token this is. Raises NotSignedIn."""
    try:
        user_id = person_of(token, office.settings.issuer, office.app)
    except AccessDenied:
        raise NotSignedIn(NOT_TAKEN) from None
    return Caller(at_work_as(office, user_id))


def of_session(office: Office, text: str, *, is_use: bool = True) -> Caller:
    """Whose session this is. Raises NotSignedIn."""
    with office.app.everyone() as session:
        presented = whose_session(session, text, is_use=is_use)
    return Caller(at_work_as(office, presented.user_id), presented)


def at_work_as(office: Office, user_id: str) -> AtWork:
    """Somebody whose identity is proven."""
    return AtWork(office.app, Person(user_id, f"user:{user_id}"))


def refuse_stubborn(connection: HTTPConnection, office: Office) -> None:
    """Raise TooManyRequests for an address that tried in vain too often."""
    wait = office.strangers.wait(address_of(connection), at=time.monotonic())
    if wait:
        raise TooManyRequests(SLOWER, retry_after_seconds=wait)


def address_of(connection: HTTPConnection) -> str:
    """Where the call comes from, as far as it is known."""
    return connection.client.host if connection.client else "unknown"
