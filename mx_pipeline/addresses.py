"""Addresses that the environment names: each is of the right kind, holds no secret, and no key travels in the clear."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from mx_pipeline.errors import BadSettings
from mx_pipeline.words import MxEnvironment

VENDOR_URLS: Mapping[MxEnvironment, str] = {
    "production": "https://api.mxmerchant.com",
    "sandbox": "https://sandbox.api.mxmerchant.com",
}
"""`mx_api.md` 1.1."""
URL_VARIABLES: Mapping[MxEnvironment, str] = {"production": "MX_PRODUCTION_URL", "sandbox": "MX_SANDBOX_URL"}


@dataclass(frozen=True)
class Issuer:
    """An OpenID Connect issuer whose tokens say who somebody is."""

    url: str
    """As its tokens name it (`iss`); its keys are found below this address."""
    audience: str
    """What its tokens must be meant for (`aud`)."""


def mx_url(env: Mapping[str, str], name: MxEnvironment) -> str:
    """Where that world of the vendor is asked. Raises BadSettings."""
    variable = URL_VARIABLES[name]
    url = env.get(variable) or VENDOR_URLS[name]
    try:
        parts = urlsplit(url)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:  # brackets of IPv6, a port that is no number
        parts, host = urlsplit(""), None
    if not host or parts.scheme not in ("http", "https") or parts.path.strip("/") or parts.query:
        raise BadSettings(f"{variable} must be scheme and host alone, such as https://api.mxmerchant.com")
    if "@" in parts.netloc:
        raise BadSettings(
            f"{variable} must hold no user or password; a merchant's key is entered with merchants add"
        )
    if parts.scheme == "http" and not is_this_machine(host):
        raise BadSettings(
            f"{variable} must begin with https://: plain http would show the API keys to the network"
        )
    return f"{parts.scheme}://{parts.netloc}"


def canary_url(env: Mapping[str, str]) -> str | None:
    """Of this machine alone: no clinic is led there, and nobody else's vendor is asked with the canary's key."""
    url = (env.get("MX_CANARY_URL") or "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_ours = parts.scheme == "http" and is_this_machine(parts.hostname or "") and bool(parts.port)
    except ValueError:
        parts, is_ours = urlsplit(""), False
    if not is_ours or "@" in parts.netloc or parts.path.strip("/") or parts.query:
        raise BadSettings("MX_CANARY_URL must be a port of this machine, such as http://127.0.0.1:8199")
    return f"http://{parts.netloc}"


def redis_url(env: Mapping[str, str]) -> str | None:
    """As MX_REDIS_URL says; None where it is not set. Raises BadSettings."""
    url = (env.get("MX_REDIS_URL") or "").strip()
    if not url:
        return None
    try:
        parts = urlsplit(url)
        is_redis = parts.scheme in ("redis", "rediss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_redis = False
    if not is_redis:
        raise BadSettings(
            "MX_REDIS_URL must look like redis://host:6379/0, or with TLS like "
            "rediss://user:password@host:6379/0?ssl_cert_reqs=required"
        )
    return url


def issuer(env: Mapping[str, str]) -> Issuer | None:
    """As MX_OIDC_ISSUER and MX_OIDC_AUDIENCE say; None where neither is set. Raises BadSettings."""
    url, audience = env.get("MX_OIDC_ISSUER"), env.get("MX_OIDC_AUDIENCE")
    if not url and not audience:
        return None
    if not url or not audience:
        raise BadSettings(
            "MX_OIDC_ISSUER and MX_OIDC_AUDIENCE go together: the issuer's address, and what its tokens are meant for"
        )
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = urlsplit(""), None
    if (
        not host
        or parts.scheme not in ("http", "https")
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
    ):
        raise BadSettings("MX_OIDC_ISSUER must be an address such as https://login.example.com/realm")
    if parts.scheme == "http" and not is_this_machine(host):
        raise BadSettings("MX_OIDC_ISSUER must begin with https://: its keys decide who may do what")
    return Issuer(url, audience)


def is_this_machine(host: str) -> bool:
    """Whether only this machine is reached by that name: there nobody listens on the way."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
