"""Verifies an OpenID Connect issuer's tokens against its published keys, and believes nothing else in them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import jwt
import msgspec
import requests

from mx_pipeline.addresses import Issuer
from mx_pipeline.errors import AccessDenied

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those with a public key. None and HS… would take the published key for a secret."""
LEEWAY_SECONDS = 30
"""What two clocks may differ by."""
TIMEOUT_SECONDS = (5, 10)
LARGEST_DOCUMENT_BYTES = 1_000_000
DISCOVERY = "/.well-known/openid-configuration"
KEYS_ARE_GOOD_SECONDS = 3600
ASK_AGAIN_SECONDS = 60
"""For a key that is not among those we know: an issuer changes its keys rarely, and a guesser asks often."""


@dataclass(frozen=True)
class Claims:
    """What is taken from a token."""

    subject: str
    verified_email: str | None
    nonce: str | None = None
    """Of a token that was asked for by a browser of ours."""


@dataclass
class IssuerKeys:
    """The keys that one issuer publishes, asked for when one is needed that is not known."""

    issuer: Issuer
    ask_again_seconds: float = ASK_AGAIN_SECONDS
    _keys: Mapping[str | None, jwt.PyJWK] = field(default_factory=dict[str | None, jwt.PyJWK])
    _asked_at: float | None = None
    _lock: Lock = field(default_factory=Lock)

    def key(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key with this id; without one, the only key there is."""
        with self._lock:
            age = None if self._asked_at is None else time.monotonic() - self._asked_at
            wanted = self._known(key_id)
            if (
                age is None
                or age > KEYS_ARE_GOOD_SECONDS
                or (wanted is None and age > self.ask_again_seconds)
            ):
                self._keys, self._asked_at = _published_keys(self.issuer), time.monotonic()
                wanted = self._known(key_id)
            return wanted

    def _known(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)


@cache
def keys_of(issuer: Issuer) -> IssuerKeys:
    """One memory of an issuer's keys for the whole process."""
    return IssuerKeys(issuer)


def claims_of(token: str, issuer: Issuer) -> Claims:
    """What a token says that was signed by the issuer, for us, and holds now. Raises AccessDenied."""
    try:
        header = jwt.get_unverified_header(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise _not_good("it is signed in a way that is not taken here")
        key = keys_of(issuer).key(key_id)
        if key is None:
            raise _not_good("it is signed with a key that the issuer does not publish")
        if key.algorithm_name != algorithm:
            raise _not_good("its key is for another kind of signature")
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=issuer.url,
            audience=issuer.audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except jwt.ExpiredSignatureError:
        raise _not_good("it has expired") from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        # Their words can quote the token's.
        raise _not_good(f"it does not hold ({type(error).__name__})") from None
    email = claims.get("email")
    is_verified = claims.get("email_verified") is True
    nonce = claims.get("nonce")
    return Claims(
        subject=claims["sub"],
        verified_email=email if is_verified and isinstance(email, str) else None,
        nonce=nonce if isinstance(nonce, str) else None,
    )


def _published_keys(issuer: Issuer) -> Mapping[str | None, jwt.PyJWK]:
    configuration = document_of(issuer.url.rstrip("/") + DISCOVERY)
    if configuration.get("issuer") != issuer.url:
        raise _away("its discovery document names another issuer; check MX_OIDC_ISSUER letter by letter")
    address = configuration.get("jwks_uri")
    if not isinstance(address, str) or not is_as_safe(address, issuer.url):
        raise _away("its discovery document names no address of keys that is safe to ask")
    keys: dict[str | None, jwt.PyJWK] = {}
    for one in document_of(address).get("keys", []):
        # Keys for encryption, and secrets, are none of ours; nor is a kind that we cannot read.
        if isinstance(one, dict) and one.get("use", "sig") == "sig" and one.get("kty") != "oct":  # pyright: ignore[reportUnknownMemberType]
            try:
                key = jwt.PyJWK.from_dict(one)  # pyright: ignore[reportUnknownArgumentType]
            except jwt.PyJWTError:
                continue
            keys[key.key_id] = key
    return keys


def document_of(address: str) -> Mapping[str, Any]:
    """A JSON document of the issuer's. Raises AccessDenied where it is away."""
    try:
        with requests.get(address, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True) as answer:
            body = answer.raw.read(LARGEST_DOCUMENT_BYTES + 1, decode_content=True)
        if answer.status_code != requests.codes.ok or len(body) > LARGEST_DOCUMENT_BYTES:
            raise _away(f"it answered {answer.status_code}")
        return msgspec.json.decode(body, type=dict[str, Any])
    except (requests.RequestException, msgspec.MsgspecError, OSError) as error:
        raise _away(type(error).__name__) from None


def is_as_safe(address: str, issuer: str) -> bool:
    """Encrypted; only an issuer on this machine itself may have its keys beside it without."""
    try:
        found, known = urlsplit(address), urlsplit(issuer)
    except ValueError:
        return False
    return found.scheme == "https" or (known.scheme == "http" and found.netloc == known.netloc)


def _not_good(why: str) -> AccessDenied:
    return AccessDenied(
        f"the token in MX_TOKEN cannot be taken: {why}; sign in again and bring the new one, or ask the operator "
        "for one of this installation: mx-pipeline users token EMAIL"
    )


def _away(why: str) -> AccessDenied:
    return AccessDenied(
        f"the issuer in MX_OIDC_ISSUER could not be asked for its keys ({why}), so nobody's token can be checked; "
        "try again, or use a token of this installation"
    )
