"""
Brings the roles and the schema up to date, in one transaction, as a login that need not be a superuser.

Safe to repeat and to start twice at once. A failed migration leaves everything as it was. Whoever writes meanwhile
is waited for in short tries, because everybody else queues behind a table that is waited for.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg2 import sql
from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from mx_pipeline.errors import WarehouseError, WarehouseLocked, WarehouseNotReady
from mx_pipeline.warehouse import migrations
from mx_pipeline.warehouse.administering import (
    admin_transaction,
    ask,
    explained_refusal,
    set_password,
    still_has_previous_password,
    utility,
)
from mx_pipeline.warehouse.logins import AGGREGATOR_ROLE, GROUP_ROLES, LOGIN_ROLES, OWNER_ROLE, Logins

MINIMUM_VERSION = 150000
"""PostgreSQL 15: the first with `UNIQUE NULLS NOT DISTINCT` and `security_invoker` views."""

LOCK_TIMEOUT = "2s"
"""For one table; less than a loader waits for one, so no sync fails because a migration stands before it."""
PAUSE_SECONDS = 1
"""Between two tries: what waited behind the first gets through."""
PATIENCE_SECONDS = 120
LOCK_STATES = frozenset({"55P03", "40P01"})
"""A lock that did not come in time; two who waited for each other."""


@dataclass(frozen=True)
class Migrated:
    """What `migrate` did."""

    database: str
    before: str | None
    after: str


def migrate(logins: Logins, *, to: str = "head", patience_seconds: float = PATIENCE_SECONDS) -> Migrated:
    """Create or update everything, `to` the newest migration or the one named.

    Raises WarehouseNotReady with what to grant, WarehouseLocked with who holds a table, WarehouseError otherwise.
    """
    return Retrying(
        retry=retry_if_exception_type(WarehouseLocked),
        stop=stop_after_delay(patience_seconds),
        wait=wait_fixed(PAUSE_SECONDS),
        reraise=True,
    )(_migrate, logins, to)


def _migrate(logins: Logins, to: str) -> Migrated:
    try:
        with admin_transaction(logins) as connection:
            server = take_turn(connection)
            _refuse_edited(connection)
            create_roles(connection, logins)
            _become_owner(connection, server.login)
            before = MigrationContext.configure(
                connection, opts={"version_table_schema": "mx"}
            ).get_current_revision()
            with _locks_in_time():
                command.upgrade(_alembic(connection), to)
            return Migrated(database=server.database, before=before, after=newest() if to == "head" else to)
    except _NoLock:
        raise WarehouseLocked(_who_is_in_the_way(logins)) from None


class _NoLock(Exception):  # it leaves this file as WarehouseLocked
    """All was rolled back; another try may get through."""


@contextmanager
def _locks_in_time() -> Generator[None]:
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) in LOCK_STATES:
            raise _NoLock from None
        raise


def _who_is_in_the_way(logins: Logins) -> str:
    with admin_transaction(logins) as connection:
        there = [f"{row.who} on mx.{row.relation}" for row in ask(connection, "who_holds")]
    return (
        "the migration waited for tables that others use, and changed nothing; now there: "
        f"{', '.join(there) or 'nobody'}; wait for them (a backup reads for long), or end them, then run "
        "mx-pipeline migrate again"
    )


def take_turn(connection: Connection) -> Row[Any]:
    """Nobody else migrates this database meanwhile; tells who we are there. Raises WarehouseNotReady."""
    server = ask(connection, "server").one()
    if server.version < MINIMUM_VERSION:
        raise WarehouseNotReady(f"PostgreSQL 15 or later is needed; this server is {server.version // 10000}")
    ask(connection, "take_turn")
    return server


def newest() -> str:
    """The number of the newest migration that this program knows."""
    return ScriptDirectory.from_config(_alembic(None)).get_current_head() or ""


def _alembic(connection: Connection | None) -> Config:
    config = Config()
    # ConfigParser reads % as the start of a reference, and a path may hold one.
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _refuse_edited(connection: Connection) -> None:
    if not ask(connection, "schema_exists").scalar() or not ask(connection, "checksums_exist").scalar():
        return
    for number, checksum in ask(connection, "applied_checksums"):
        try:
            known = migrations.checksum(number)
        except LookupError:
            raise WarehouseNotReady(
                f"the warehouse was migrated by a newer mx_pipeline (it has migration {number}); install that version"
            ) from None
        if known != checksum:
            raise WarehouseError(
                f"migration {number} was edited after it was applied here; restore its text and put the change "
                "into a new migration"
            )


def create_roles(connection: Connection, logins: Logins) -> None:
    """Those that are missing, with the passwords that come from the key. Raises WarehouseNotReady."""
    with explained_refusal():
        for role in (OWNER_ROLE, *LOGIN_ROLES, *GROUP_ROLES):
            if not ask(connection, "role_exists", role=role).scalar():
                utility(connection, "CREATE ROLE {} NOLOGIN", sql.Identifier(role))
        for role in LOGIN_ROLES:
            if not still_has_previous_password(logins, role):
                set_password(connection, logins, role)
        if not ask(connection, "is_granted", role=AGGREGATOR_ROLE, to=OWNER_ROLE).scalar():
            # Only a member can hand a view over to it.
            utility(connection, "GRANT {} TO {}", sql.Identifier(AGGREGATOR_ROLE), sql.Identifier(OWNER_ROLE))
    bypassing = ask(connection, "login_roles_bypass", roles=[*LOGIN_ROLES, *GROUP_ROLES]).scalars().all()
    if bypassing:
        raise WarehouseNotReady(
            f"{', '.join(bypassing)} bypass row-level security; "
            "take that away with: ALTER ROLE ... NOSUPERUSER NOBYPASSRLS"
        )


def own_schema(connection: Connection, login: str) -> None:
    """Let the migrating login act as the owner of the schema, and make that where there is none."""
    with explained_refusal():
        if not ask(connection, "is_member", role=OWNER_ROLE).scalar():
            utility(connection, "GRANT {} TO CURRENT_USER", sql.Identifier(OWNER_ROLE))
        if not ask(connection, "schema_exists").scalar():
            if not ask(connection, "may_create_schema").scalar():
                raise WarehouseNotReady(
                    f"the login {login} may not create a schema here; as the database's owner run: "
                    f"GRANT CREATE ON DATABASE ... TO {login}"
                )
            utility(connection, "CREATE SCHEMA mx AUTHORIZATION {}", sql.Identifier(OWNER_ROLE))


def _become_owner(connection: Connection, login: str) -> None:
    own_schema(connection, login)
    utility(connection, "SET LOCAL ROLE {}", sql.Identifier(OWNER_ROLE))
    utility(connection, "SET LOCAL search_path = pg_catalog")
    utility(connection, "SET LOCAL lock_timeout = {}", sql.Literal(LOCK_TIMEOUT))
    ask(connection, "make_checksums")
