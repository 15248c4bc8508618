"""
Brings the roles and the schema up to date, in one transaction, as a login that need not be a superuser.

Safe to repeat and to start twice at once. A failed migration leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg2.extensions
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg2 import sql
from sqlalchemy import Connection, NullPool, create_engine

from mx_pipeline.errors import WarehouseError, WarehouseNotReady
from mx_pipeline.warehouse import migrations
from mx_pipeline.warehouse.connections import CONNECT_TIMEOUT_SECONDS
from mx_pipeline.warehouse.logins import LOGIN_ROLES, OWNER_ROLE, Logins
from mx_pipeline.warehouse.refusals import translated
from mx_pipeline.warehouse.statements import statements

MINIMUM_VERSION = 150000
"""PostgreSQL 15: the first with `UNIQUE NULLS NOT DISTINCT` and `security_invoker` views."""


@dataclass(frozen=True)
class Migrated:
    """What `migrate` did."""

    database: str
    before: str | None
    after: str


def migrate(logins: Logins) -> Migrated:
    """Create or update everything. Raises WarehouseNotReady with what to grant, WarehouseError otherwise."""
    with _admin_transaction(logins) as connection:
        server = _ask(connection, "server").one()
        if server.version < MINIMUM_VERSION:
            raise WarehouseNotReady(
                f"PostgreSQL 15 or later is needed; this server is {server.version // 10000}"
            )
        _ask(connection, "take_turn")
        _refuse_edited(connection)
        _create_roles(connection, logins)
        _become_owner(connection, server.login)
        before = MigrationContext.configure(
            connection, opts={"version_table_schema": "mx"}
        ).get_current_revision()
        command.upgrade(_alembic(connection), "head")
        return Migrated(database=server.database, before=before, after=newest())


def newest() -> str:
    """The number of the newest migration that this program knows."""
    return ScriptDirectory.from_config(_alembic(None)).get_current_head() or ""


def _alembic(connection: Connection | None) -> Config:
    config = Config()
    # ConfigParser reads % as the start of a reference, and a path may hold one.
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _admin_transaction(logins: Logins) -> Generator[Connection]:
    engine = create_engine(
        logins.admin,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "mx_pipeline migrate"},
    )
    with translated(), engine.begin() as connection:
        yield connection


def _ask(connection: Connection, name: str, **parameters: object) -> Any:
    return connection.execute(statements("roles")[name], parameters)


def _command(connection: Connection, words: LiteralString, *parts: sql.Composable) -> None:
    """Utility statements take no parameters, so their names and literals are quoted by the driver."""
    driver: Any = connection.connection.driver_connection
    statement = sql.SQL(words).format(*parts).as_string(driver)
    connection.execution_options(no_parameters=True).exec_driver_sql(statement)


def _refuse_edited(connection: Connection) -> None:
    if not _ask(connection, "schema_exists").scalar() or not _ask(connection, "checksums_exist").scalar():
        return
    for number, checksum in _ask(connection, "applied_checksums"):
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


def _create_roles(connection: Connection, logins: Logins) -> None:
    with _explained_refusal():
        for role in (OWNER_ROLE, *LOGIN_ROLES):
            if not _ask(connection, "role_exists", role=role).scalar():
                _command(connection, "CREATE ROLE {} NOLOGIN", sql.Identifier(role))
        for role in LOGIN_ROLES:
            if role in logins.overrides:
                continue
            verifier = _scram_verifier(connection, role, logins.key.derived_password(role))
            words = sql.Identifier(role), sql.Literal(verifier)
            _command(connection, "ALTER ROLE {} LOGIN PASSWORD {}", *words)
    bypassing = _ask(connection, "login_roles_bypass", roles=list(LOGIN_ROLES)).scalars().all()
    if bypassing:
        raise WarehouseNotReady(
            f"{', '.join(bypassing)} bypass row-level security; "
            "take that away with: ALTER ROLE ... NOSUPERUSER NOBYPASSRLS"
        )


def _scram_verifier(connection: Connection, role: str, password: str) -> str:
    """The verifier is made here, so that the password never stands in a statement, or in a server's log of them."""
    driver: Any = connection.connection.driver_connection
    return psycopg2.extensions.encrypt_password(password, role, driver, "scram-sha-256")


def _become_owner(connection: Connection, login: str) -> None:
    with _explained_refusal():
        if not _ask(connection, "is_member", role=OWNER_ROLE).scalar():
            _command(connection, "GRANT {} TO CURRENT_USER", sql.Identifier(OWNER_ROLE))
        if not _ask(connection, "schema_exists").scalar():
            if not _ask(connection, "may_create_schema").scalar():
                raise WarehouseNotReady(
                    f"the login {login} may not create a schema here; as the database's owner run: "
                    f"GRANT CREATE ON DATABASE ... TO {login}"
                )
            _command(connection, "CREATE SCHEMA mx AUTHORIZATION {}", sql.Identifier(OWNER_ROLE))
    _command(connection, "SET LOCAL ROLE {}", sql.Identifier(OWNER_ROLE))
    _command(connection, "SET LOCAL search_path = pg_catalog")
    _ask(connection, "make_checksums")


@contextmanager
def _explained_refusal() -> Generator[None]:
    try:
        with translated():
            yield
    except WarehouseError as error:
        if "permission denied" not in str(error) and "must have" not in str(error).lower():
            raise
        raise WarehouseNotReady(
            f"the migrating login may not make or change the roles ({error}); it needs CREATEROLE and CREATE on "
            "the database, and the ADMIN option on mx_* roles that another login made"
        ) from None
