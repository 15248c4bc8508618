"""The login roles and their addresses: one secret and one address are enough for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from mx_pipeline.errors import BadSettings
from mx_pipeline.sealing import SealingKey
from mx_pipeline.settings import Settings

OWNER_ROLE = "mx_owner"
LOADER_ROLE = "mx_loader"
APP_ROLE = "mx_app"
DISPATCHER_ROLE = "mx_dispatcher"
AUDITOR_ROLE = "mx_auditor"
BACKUP_ROLE = "mx_backup"
INBOX_ROLE = "mx_inbox"
"""Hears MX: it can have a notification kept, and nothing else."""
LOGIN_ROLES = (LOADER_ROLE, APP_ROLE, DISPATCHER_ROLE, AUDITOR_ROLE, BACKUP_ROLE, INBOX_ROLE)

ANALYST_ROLE = "mx_analyst"
INVESTOR_ROLE = "mx_investor"
AGGREGATOR_ROLE = "mx_aggregator"
"""Owns the views that investors read, so that they see sums of rows that they may not see."""
GROUP_ROLES = (ANALYST_ROLE, INVESTOR_ROLE, AGGREGATOR_ROLE)
"""No one logs in as these; people with SQL are members of the first two."""

DRIVER = "postgresql+psycopg2"


def database_url(text: str, *, variable: str) -> URL:
    """A Postgres address from the environment, by our driver. Raises BadSettings."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or not url.drivername.startswith(("postgresql", "postgres")) or not url.database:
        raise BadSettings(f"{variable} must look like postgresql://user:password@host:5432/database")
    return url.set(drivername=DRIVER)


@dataclass(frozen=True)
class Logins:
    """Where each role logs in."""

    admin: URL
    """The migrating login; no process but `migrate` uses it."""
    key: SealingKey = field(repr=False)
    overrides: dict[str, URL] = field(default_factory=dict[str, URL])
    """Addresses given for a role on their own, for example through a pooler."""
    previous: SealingKey | None = field(default=None, repr=False)
    """While the key is being replaced: the passwords in force may still come from this one."""

    def url(self, role: str) -> URL:
        """The address of one role: its own, or the admin's with that role and its derived password."""
        if role in self.overrides:
            return self.overrides[role]
        return self.admin.set(username=role, password=self.key.derived_password(role))

    def passwords(self, role: str) -> tuple[str, ...]:
        """Those that may be in force, the likelier first; none where the role has an address of its own."""
        if role in self.overrides:
            return ()
        keys = (self.key,) if self.previous is None else (self.key, self.previous)
        return tuple(key.derived_password(role) for key in keys)

    def known_keys(self) -> str:
        """The ids of the keys that this process knows; its connections say so, for `keys rotate`."""
        return self.key.key_id if self.previous is None else f"{self.key.key_id} {self.previous.key_id}"


def logins_of(settings: Settings) -> Logins:
    """The logins that this process's environment describes. Raises BadSettings."""
    return Logins(
        admin=database_url(settings.warehouse_url(), variable="MX_DATABASE_URL"),
        key=settings.key(),
        overrides={
            f"mx_{role}": database_url(url, variable=f"MX_{role.upper()}_DATABASE_URL")
            for role, url in settings.role_urls.items()
        },
        previous=settings.previous_sealing_key,
    )
