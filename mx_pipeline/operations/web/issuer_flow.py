"""Signing in by the issuer: there with a challenge, back with a code, and what that is worth (OpenID Connect, PKCE)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import requests

from mx_pipeline.addresses import Issuer
from mx_pipeline.errors import AccessDenied, NotSignedIn
from mx_pipeline.operations.identity import (
    DISCOVERY,
    LARGEST_DOCUMENT_BYTES,
    TIMEOUT_SECONDS,
    Claims,
    claims_of,
    document_of,
    is_as_safe,
)

SECRET_BYTES = 32
ENDPOINTS_ARE_GOOD_SECONDS = 3600
AGAIN = "begin again at /signin"
NOT_OURS = f"this answer of the issuer belongs to no sign-in that this browser began, or to one too long ago; {AGAIN}"
NOT_GOOD = f"the issuer did not confirm this sign-in; {AGAIN}"


@dataclass(frozen=True)
class Journey:
    """What one sign-in has to bring back; kept in a cookie of the browser that began it."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)

    @classmethod
    def begun(cls) -> Journey:
        """A new one; nobody can guess any of it."""
        return cls(*(secrets.token_urlsafe(SECRET_BYTES) for _ in range(3)))

    @classmethod
    def of_cookie(cls, text: str | None) -> Journey:
        """As it was written. Raises NotSignedIn."""
        parts = (text or "").split(".")
        if len(parts) != 3 or not all(parts):  # state, nonce and verifier
            raise NotSignedIn(NOT_OURS)
        return cls(*parts)

    def as_cookie(self) -> str:
        """As it is written."""
        return f"{self.state}.{self.nonce}.{self.verifier}"

    @property
    def challenge(self) -> str:
        """What the issuer is told of the verifier."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass
class _Endpoints:
    """Where an issuer signs people in, and where it changes codes for tokens; asked for once an hour."""

    issuer: Issuer
    _found: tuple[str, str] | None = None
    _asked_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def get(self) -> tuple[str, str]:
        with self._lock:
            if self._found is None or time.monotonic() - self._asked_at > ENDPOINTS_ARE_GOOD_SECONDS:
                self._found, self._asked_at = self._asked(), time.monotonic()
            return self._found

    def _asked(self) -> tuple[str, str]:
        told = document_of(self.issuer.url.rstrip("/") + DISCOVERY)
        found = (told.get("authorization_endpoint"), told.get("token_endpoint"))
        if told.get("issuer") != self.issuer.url:
            raise AccessDenied("the issuer's discovery document names another issuer; check MX_OIDC_ISSUER")
        signs_in, changes = found
        for address in found:
            if not isinstance(address, str) or not is_as_safe(address, self.issuer.url):
                raise AccessDenied("the issuer's discovery document names no address that is safe to ask")
        assert isinstance(signs_in, str)
        assert isinstance(changes, str)
        return signs_in, changes


@cache
def _endpoints_of(issuer: Issuer) -> _Endpoints:
    return _Endpoints(issuer)


def address_to_sign_in(issuer: Issuer, journey: Journey, redirect_uri: str) -> str:
    """Where the browser goes. Raises AccessDenied where the issuer is away."""
    signs_in, _ = _endpoints_of(issuer).get()
    query = {
        "response_type": "code",
        "client_id": issuer.audience,
        "redirect_uri": redirect_uri,
        "scope": "openid email",
        "state": journey.state,
        "nonce": journey.nonce,
        "code_challenge": journey.challenge,
        "code_challenge_method": "S256",
    }
    return f"{signs_in}{'&' if '?' in signs_in else '?'}{urlencode(query)}"


def claims_of_code(
    issuer: Issuer, journey: Journey, *, code: str, state: str, redirect_uri: str, client_secret: str | None
) -> Claims:
    """What the issuer says of whoever came back with this code. Raises NotSignedIn."""
    if not hmac.compare_digest(state.encode(), journey.state.encode()):
        raise NotSignedIn(NOT_OURS)
    try:
        claims = claims_of(_id_token(issuer, journey, code, redirect_uri, client_secret), issuer)
    except NotSignedIn:
        raise
    except AccessDenied:
        raise NotSignedIn(NOT_GOOD) from None
    if claims.nonce is None or not hmac.compare_digest(claims.nonce.encode(), journey.nonce.encode()):
        raise NotSignedIn(NOT_OURS)
    return claims


def _id_token(
    issuer: Issuer, journey: Journey, code: str, redirect_uri: str, client_secret: str | None
) -> str:
    _, changes = _endpoints_of(issuer).get()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "client_id": issuer.audience,
        "code_verifier": journey.verifier,
    }
    proof = (
        None if client_secret is None else (quote(issuer.audience, safe=""), quote(client_secret, safe=""))
    )
    try:
        with requests.post(
            changes, data=form, auth=proof, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
        ) as answer:
            body = answer.raw.read(LARGEST_DOCUMENT_BYTES + 1, decode_content=True)
            is_good = answer.status_code == requests.codes.ok and len(body) <= LARGEST_DOCUMENT_BYTES
        told: Mapping[str, Any] = msgspec.json.decode(body, type=dict[str, Any]) if is_good else {}
    except (requests.RequestException, msgspec.MsgspecError, OSError):
        told = {}
    token = told.get("id_token")
    if not isinstance(token, str):
        raise NotSignedIn(NOT_GOOD)
    return token
