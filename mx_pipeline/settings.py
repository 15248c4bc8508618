"""
What the environment says, read once and validated at the door.

Where MX_DATABASE_URL is unset, the embedded Postgres of this machine is meant: its address and the
sealing key are then files under MX_HOME (written by `local`, mode 0600). No secret has a default.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, TypeAlias, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from mx_pipeline.age import recipients_of
from mx_pipeline.errors import BadInput, BadSettings
from mx_pipeline.sealing import Sealer, SealingKey

MxEnvironment: TypeAlias = Literal["sandbox", "production"]
MX_ENVIRONMENTS: tuple[MxEnvironment, ...] = get_args(MxEnvironment)

VENDOR_URLS: Mapping[MxEnvironment, str] = {
    "production": "https://api.mxmerchant.com",
    "sandbox": "https://sandbox.api.mxmerchant.com",
}
"""`mx_api.md` 1.1."""
URL_VARIABLES: Mapping[MxEnvironment, str] = {"production": "MX_PRODUCTION_URL", "sandbox": "MX_SANDBOX_URL"}

CANARY, NEIGHBOUR = 900_000_000_000_001, 900_000_000_000_002
"""Two merchants of our own, whose vendor is this machine's; MX Merchant's own numbers have ten digits."""

LogFormat: TypeAlias = Literal["text", "json"]
LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)

DEFAULT_HOME = ".mx"
EMBEDDED_CONNECTION_FILE = Path("postgres", "connection.json")
EMBEDDED_WAREHOUSE = "mx_pipeline"
EMBEDDED_DAGSTER = "dagster"
SEALING_KEY_FILE = "sealing_key"

LARGEST_MX_ID = 2**63 - 1
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True)
class Issuer:
    """An OpenID Connect issuer whose tokens say who somebody is."""

    url: str
    """As its tokens name it (`iss`); its keys are found below this address."""
    audience: str
    """What its tokens must be meant for (`aud`)."""


@dataclass(frozen=True)
class Settings:
    """The whole environment of one process."""

    home: Path
    database_url: str | None = field(repr=False)
    """The warehouse by its migrating login; None where there is none yet."""
    role_urls: Mapping[str, str] = field(repr=False)
    """Role name to address, for the roles that have an address of their own."""
    listen_url: str | None = field(repr=False)
    """A direct connection for LISTEN, where the others go through a pooler."""
    dagster_url: str | None = field(repr=False)
    redis_url: str | None = field(repr=False)
    """Carries runs to Celery's workers, where there are several machines."""
    sealing_key: SealingKey | None = field(repr=False)
    previous_sealing_key: SealingKey | None = field(repr=False)
    mx_urls: Mapping[MxEnvironment, str]
    is_embedded: bool
    """MX_DATABASE_URL is unset: the database is this machine's own."""
    token: str | None = field(default=None, repr=False)
    """Who is at the keyboard, by a bearer token; None is the operator of this machine."""
    issuer: Issuer | None = None
    """Whose tokens are taken, besides our own."""
    backup_recipients: tuple[str, ...] = ()
    """Public keys (age) of those who can open a backup; their identities are kept elsewhere."""
    canary_url: str | None = None
    """Where the vendor of the two canary merchants listens, on this machine."""
    log_format: LogFormat = "text"
    """Lines for a person, or JSON objects for whoever collects them."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read and check. Raises BadSettings, which names the variable."""
        env = os.environ if environment is None else environment
        home = Path(env.get("MX_HOME") or DEFAULT_HOME).absolute()
        return cls(
            home=home,
            database_url=env.get("MX_DATABASE_URL") or embedded_url(home, EMBEDDED_WAREHOUSE),
            role_urls={
                role: env[variable]
                for role in ("loader", "app", "dispatcher")
                if env.get(variable := f"MX_{role.upper()}_DATABASE_URL")
            },
            listen_url=env.get("MX_LISTEN_DATABASE_URL") or None,
            dagster_url=env.get("DAGSTER_PG_URL") or embedded_url(home, EMBEDDED_DAGSTER),
            redis_url=_redis_url(env),
            sealing_key=_sealing_key(env, home),
            previous_sealing_key=_key_of(env, "MX_SEALING_KEY_PREVIOUS"),
            mx_urls={name: _mx_url(env, name) for name in MX_ENVIRONMENTS},
            is_embedded=not env.get("MX_DATABASE_URL"),
            token=(env.get("MX_TOKEN") or "").strip() or None,
            issuer=_issuer(env),
            backup_recipients=_recipients(env),
            canary_url=_canary_url(env),
            log_format=log_format(env),
        )

    def warehouse_url(self) -> str:
        """The warehouse by its migrating login. Raises BadSettings where there is none."""
        if self.database_url is None:
            raise BadSettings(
                "there is no database: set MX_DATABASE_URL to postgresql://user:password@host:5432/database, "
                f"or start the embedded one with: make up (it keeps its files under {self.home})"
            )
        return self.database_url

    def dagster_storage_url(self) -> str:
        """Dagster's own database. Raises BadSettings where there is none."""
        if self.dagster_url is None:
            raise BadSettings(
                "Dagster has no database: set DAGSTER_PG_URL to postgresql://user:password@host:5432/database, "
                f"or start the embedded one with: make up (it keeps its files under {self.home})"
            )
        return self.dagster_url

    def redis(self) -> str:
        """The Redis of Celery's workers. Raises BadSettings where there is none."""
        if self.redis_url is None:
            raise BadSettings(
                "Celery's workers have no Redis: set MX_REDIS_URL to redis://host:6379/0, or with TLS to "
                "rediss://user:password@host:6379/0?ssl_cert_reqs=required"
            )
        return self.redis_url

    def sealer(self) -> Sealer:
        """Seals and opens API keys. Raises BadSettings where there is no key."""
        return Sealer(self.key(), self.previous_sealing_key)

    def recipients(self) -> tuple[str, ...]:
        """Who can open a backup. Raises BadSettings where nobody is named: none is made that everybody could open."""
        if not self.backup_recipients:
            raise BadSettings(
                "MX_BACKUP_RECIPIENTS is not set, and no backup is made that is not encrypted: make a key pair with "
                "age-keygen on the machine where backups are opened, and set the public keys here, age1..., "
                "separated by commas"
            )
        return self.backup_recipients

    def key(self) -> SealingKey:
        """The sealing key in force. Raises BadSettings where there is none."""
        if self.sealing_key is None:
            raise BadSettings(
                "MX_SEALING_KEY is not set: it seals the merchants' API keys. Make one, once, and keep it safe: "
                'python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())"'
            )
        return self.sealing_key


def embedded_url(home: Path, database: str) -> str | None:
    """The embedded Postgres of this home, as its own file says; None where none was ever started."""
    try:
        known = json.loads((home / EMBEDDED_CONNECTION_FILE).read_text(encoding="utf-8"))
        return f"postgresql://postgres:{known['password']}@127.0.0.1:{known['port']}/{database}"
    except (OSError, ValueError, KeyError, TypeError):
        return None


def merchant_id(text: str) -> int:
    """A merchant id as a person types it. Raises BadInput."""
    return _mx_id(text, "merchant id", example="1000000001")


def request_or_merchant(text: str) -> int:
    """The number of either, as a person types it. Raises BadInput."""
    return _mx_id(text, "request or merchant", example="17 or 1000000001")


def payment_id(text: str) -> int:
    """A payment's id as a person types it. Raises BadInput."""
    return _mx_id(text, "payment id", example="10000000456")


def _mx_id(text: str, what: str, *, example: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_MX_ID))
    if not (is_number and 0 < int(text) <= LARGEST_MX_ID):
        raise BadInput(f"{text!r} is no {what}: type the number that MX Merchant shows, such as {example}")
    return int(text)


def timezone(text: str) -> str:
    """An IANA time zone as a person types it. Raises BadInput."""
    if text not in available_timezones():
        raise BadInput(f"{text!r} is no time zone: type an IANA name, such as America/Chicago")
    return ZoneInfo(text).key


def day(text: str) -> date:
    """A calendar day as a person types it. Raises BadInput."""
    try:
        # Without the pattern, fromisoformat takes 20260301 and weeks as well.
        return date.fromisoformat(text if DAY.fullmatch(text) else "")
    except ValueError:
        raise BadInput(f"{text!r} is no day: type year, month and day, such as 2026-03-01") from None


def log_format(env: Mapping[str, str]) -> LogFormat:
    """As MX_LOG_FORMAT says. Raises BadSettings."""
    text = (env.get("MX_LOG_FORMAT") or "text").strip()
    for known in LOG_FORMATS:
        if text == known:
            return known
    raise BadSettings("MX_LOG_FORMAT must be text, for people, or json, for whoever collects logs")


def mx_environment(text: str) -> MxEnvironment:
    """Which of the vendor's two worlds. Raises BadInput."""
    for name in MX_ENVIRONMENTS:
        if text == name:
            return name
    raise BadInput(f"{text!r} is no environment: type sandbox or production")


def _sealing_key(env: Mapping[str, str], home: Path) -> SealingKey | None:
    given = _key_of(env, "MX_SEALING_KEY")
    if given is not None:
        return given
    try:
        text = (home / SEALING_KEY_FILE).read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadSettings(
            f"the sealing key under {home} cannot be read: {error}; set MX_SEALING_KEY instead"
        ) from error
    return SealingKey.from_base64(text, variable=f"the file {SEALING_KEY_FILE} under MX_HOME")


def _key_of(env: Mapping[str, str], variable: str) -> SealingKey | None:
    text = env.get(variable)
    return SealingKey.from_base64(text, variable=variable) if text else None


def _redis_url(env: Mapping[str, str]) -> str | None:
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


def _recipients(env: Mapping[str, str]) -> tuple[str, ...]:
    text = (env.get("MX_BACKUP_RECIPIENTS") or "").strip()
    return recipients_of(text, variable="MX_BACKUP_RECIPIENTS") if text else ()


def _issuer(env: Mapping[str, str]) -> Issuer | None:
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


def _canary_url(env: Mapping[str, str]) -> str | None:
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


def _mx_url(env: Mapping[str, str], name: MxEnvironment) -> str:
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


def is_this_machine(host: str) -> bool:
    """Whether only this machine is reached by that name: there nobody listens on the way."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
