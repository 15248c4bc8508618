"""Who calls: a bearer token, or the session of a browser; asked anew with every call, and never too often."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection, Request

from mx_pipeline.errors import AccessDenied, NotSignedIn, TooManyRequests
from mx_pipeline.operations.at_work import AtWork, Person
from mx_pipeline.operations.bearer import person_of
from mx_pipeline.operations.web.office import Office, office_of

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
    session_id: str | None = None
    """Of a browser; None for a program with a token."""


def caller(request: Request) -> Caller:
    """A dependency of every route that is not for strangers. Raises NotSignedIn, TooManyRequests, AccessDenied."""
    office = office_of(request)
    found = identified(request, office)
    wait = office.callers.take(found.here.person.user_id, at=time.monotonic())
    if wait:
        raise TooManyRequests(SLOWER, retry_after_seconds=wait)
    return found


def person_at_work(found: Annotated[Caller, Depends(caller)]) -> AtWork:
    """The same, for routes to whom a session is like a token."""
    return found.here


CallerNow = Annotated[Caller, Depends(caller)]
Here = Annotated[AtWork, Depends(person_at_work)]


def identified(request: HTTPConnection, office: Office) -> Caller:
    """Who this is. Raises NotSignedIn; TooManyRequests for an address that tried in vain too often."""
    address = request.client.host if request.client else "unknown"
    wait = office.strangers.wait(address, at=time.monotonic())
    if wait:
        raise TooManyRequests(SLOWER, retry_after_seconds=wait)
    header = request.headers.get("authorization", "")
    if not header:
        raise NotSignedIn(NOBODY_CAME)
    try:
        if not header.lower().startswith(BEARER):
            raise NotSignedIn(NOBODY_CAME)
        user_id = person_of(header[len(BEARER) :].strip(), office.settings.issuer, office.app)
    except AccessDenied:
        office.strangers.take(address, at=time.monotonic())
        raise NotSignedIn(NOT_TAKEN) from None
    return Caller(AtWork(office.app, Person(user_id, f"user:{user_id}")))
