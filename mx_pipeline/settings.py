"""
What the environment says, read once and validated at the door.

Where MX_DATABASE_URL is unset, the embedded Postgres of this machine is meant: its address and the
sealing key are then files under MX_HOME (written by `local`, mode 0600). No secret has a default.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from mx_pipeline.addresses import Issuer, canary_url, issuer, mx_url, redis_url
from mx_pipeline.age import recipients_of
from mx_pipeline.errors import BadSettings
from mx_pipeline.sealing import Sealer, SealingKey
from mx_pipeline.words import MX_ENVIRONMENTS, MxEnvironment

CANARY, NEIGHBOUR = 900_000_000_000_001, 900_000_000_000_002
"""Two merchants of our own, whose vendor is this machine's; MX Merchant's own numbers have ten digits."""

LogFormat: TypeAlias = Literal["text", "json"]
LOG_FORMATS: tuple[LogFormat, ...] = get_args(LogFormat)

DEFAULT_HOME = ".mx"
EMBEDDED_CONNECTION_FILE = Path("postgres", "connection.json")
EMBEDDED_WAREHOUSE = "mx_pipeline"
EMBEDDED_DAGSTER = "dagster"
SEALING_KEY_FILE = "sealing_key"


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
            redis_url=redis_url(env),
            sealing_key=_sealing_key(env, home),
            previous_sealing_key=_key_of(env, "MX_SEALING_KEY_PREVIOUS"),
            mx_urls={name: mx_url(env, name) for name in MX_ENVIRONMENTS},
            is_embedded=not env.get("MX_DATABASE_URL"),
            token=(env.get("MX_TOKEN") or "").strip() or None,
            issuer=issuer(env),
            backup_recipients=_recipients(env),
            canary_url=canary_url(env),
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


def log_format(env: Mapping[str, str]) -> LogFormat:
    """As MX_LOG_FORMAT says. Raises BadSettings."""
    text = (env.get("MX_LOG_FORMAT") or "text").strip()
    for known in LOG_FORMATS:
        if text == known:
            return known
    raise BadSettings("MX_LOG_FORMAT must be text, for people, or json, for whoever collects logs")


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


def _recipients(env: Mapping[str, str]) -> tuple[str, ...]:
    text = (env.get("MX_BACKUP_RECIPIENTS") or "").strip()
    return recipients_of(text, variable="MX_BACKUP_RECIPIENTS") if text else ()
