"""The doors to another merchant, each tried by a person who has no business there: all must stay shut."""

from __future__ import annotations

import secrets
from http import HTTPStatus

import requests

from mx_pipeline.errors import AccessDenied, BadInput, CanaryFailed
from mx_pipeline.operations.at_work import AtWork
from mx_pipeline.operations.context import opened
from mx_pipeline.operations.web.syncing import ask_for_sync
from mx_pipeline.operations.web.web_settings import WebSettings
from mx_pipeline.settings import CANARY, NEIGHBOUR, Settings
from mx_pipeline.warehouse.canary import count_of, count_stored
from mx_pipeline.warehouse.logins import LOADER_ROLE
from mx_pipeline.warehouse.requests import SyncRequest
from mx_pipeline.warehouse.tokens import issue_token, revoke_token

HTTP_SECONDS = 10
SHUT = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


def try_doors(settings: Settings, operator: AtWork, person: AtWork) -> None:
    """Raises CanaryFailed, which names the first that opened, or that could not be tried."""
    with operator.merchant(NEIGHBOUR) as tenant:
        if not count_of(tenant, NEIGHBOUR):
            raise CanaryFailed("the neighbour has no payment, so that nobody sees one proves nothing")
    with person.merchant(CANARY) as tenant:
        _shut("the person's own transaction", count_of(tenant, NEIGHBOUR) == 0)
    with person.merchant(NEIGHBOUR) as tenant:
        _shut("a transaction inside the neighbour", count_of(tenant, NEIGHBOUR) == 0)
    with opened(settings, LOADER_ROLE) as loader, loader.merchant(CANARY) as tenant:
        _shut("the loader's transaction", count_stored(tenant, NEIGHBOUR) == 0)
    _shut("asking for a sync", is_shut=_is_denied_a_sync(person))
    url = WebSettings.from_environment().public_url
    if url is not None:
        _try_http(url, operator, person)


def _is_denied_a_sync(person: AtWork) -> bool:
    try:
        ask_for_sync(person, NEIGHBOUR, SyncRequest(person.person.actor, "api"))
    except AccessDenied:
        return True
    except BadInput:
        # Whoever is told that the neighbour is paused was let in.
        return False
    return False


def _try_http(url: str, operator: AtWork, person: AtWork) -> None:
    actor = operator.person.actor
    with operator.platform() as session:
        token = issue_token(session, person.person.user_id, issued_by=actor, days=1)
    try:
        _answers(url, token.text)
    finally:
        with operator.platform() as session:
            revoke_token(session, token.id)


def _answers(url: str, token: str) -> None:
    def status(method: str, path: str, **more: object) -> int:
        try:
            answer = requests.request(
                method,
                url + path,
                headers={"Authorization": f"Bearer {token}"},
                timeout=HTTP_SECONDS,
                allow_redirects=False,
                json=more or None,
            )
        except requests.RequestException as error:
            raise CanaryFailed(f"MX_PUBLIC_URL does not answer ({type(error).__name__})") from None
        return answer.status_code

    if status("GET", f"/api/transactions?merchantId={CANARY}") != HTTPStatus.OK:
        raise CanaryFailed("the canary's own rows are not answered over HTTP")
    _shut("reading over HTTP", status("GET", f"/api/transactions?merchantId={NEIGHBOUR}") in SHUT)
    _shut("asking over HTTP", status("POST", "/api/sync/manual", merchantId=NEIGHBOUR) in SHUT)
    ring = status("POST", f"/webhooks/mx/{secrets.token_urlsafe(32)}", id=1)
    _shut("a webhook with a key that nobody has", ring == HTTPStatus.NOT_FOUND)


def _shut(door: str, is_shut: bool) -> None:  # noqa: FBT001 # what is asked of each
    if not is_shut:
        raise CanaryFailed(
            f"a door between two merchants is open: {door}. Stop serve and the workers, and look"
        )
