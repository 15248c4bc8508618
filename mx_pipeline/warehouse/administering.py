"""
What the migrating login does for us: makes roles, and acts as the owner of the tables.

Only `migrate` and the commands that give people a login of their own use it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg2.extensions
from psycopg2 import sql
from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import OperationalError

from mx_pipeline.errors import WarehouseError, WarehouseNotReady
from mx_pipeline.warehouse.connections import CONNECT_TIMEOUT_SECONDS, LOCK_TIMEOUT, Session
from mx_pipeline.warehouse.logins import LOGIN_ROLES, OWNER_ROLE, Logins
from mx_pipeline.warehouse.refusals import translated
from mx_pipeline.warehouse.statements import statements


@contextmanager
def admin_transaction(logins: Logins) -> Generator[Connection]:
    """A transaction by the migrating login. Raises WarehouseError and its kinds."""
    engine = create_engine(
        logins.admin,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "application_name": "mx_pipeline migrate"},
    )
    with translated(), engine.begin() as connection:
        yield connection


def ask(connection: Connection, name: str, **parameters: object) -> Any:
    """Run `sql/roles.sql: <name>`."""
    return connection.execute(statements("roles")[name], parameters)


def utility(connection: Connection, words: LiteralString, *parts: sql.Composable) -> None:
    """Utility statements take no parameters, so their names and literals are quoted by the driver."""
    driver: Any = connection.connection.driver_connection
    statement = sql.SQL(words).format(*parts).as_string(driver)
    connection.execution_options(no_parameters=True).exec_driver_sql(statement)


@contextmanager
def as_owner(logins: Logins) -> Generator[Session]:
    """A transaction as the owner of the tables, who sees every merchant. Raises WarehouseError and its kinds."""
    with admin_transaction(logins) as connection:
        utility(connection, "SET LOCAL ROLE {}", sql.Identifier(OWNER_ROLE))
        utility(connection, "SET LOCAL search_path = pg_catalog")
        utility(connection, "SET LOCAL lock_timeout = {}", sql.Literal(LOCK_TIMEOUT))
        yield Session(connection)


def set_passwords(logins: Logins) -> None:
    """Let the login roles in with the passwords that come from the current key. Raises WarehouseNotReady."""
    with explained_refusal(), admin_transaction(logins) as connection:
        ask(connection, "take_turn")
        for role in LOGIN_ROLES:
            set_password(connection, logins, role)


def set_password(connection: Connection, logins: Logins, role: str) -> None:
    """Unless the role has an address, and so a password, of its own."""
    if role in logins.overrides:
        return
    verifier = scram_verifier(connection, role, logins.key.derived_password(role))
    utility(connection, "ALTER ROLE {} LOGIN PASSWORD {}", sql.Identifier(role), sql.Literal(verifier))


def still_has_previous_password(logins: Logins, role: str) -> bool:
    """The key is being replaced, and `keys rotate` has not come to the logins: running processes rely on it."""
    if logins.previous is None or role in logins.overrides:
        return False
    url = logins.admin.set(username=role, password=logins.previous.derived_password(role))
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS},
    )
    try:
        with engine.connect():
            return True
    except OperationalError:
        return False


def scram_verifier(connection: Connection, role: str, password: str) -> str:
    """The verifier is made here, so that the password never stands in a statement, or in a server's log of them."""
    driver: Any = connection.connection.driver_connection
    return psycopg2.extensions.encrypt_password(password, role, driver, "scram-sha-256")


@contextmanager
def explained_refusal() -> Generator[None]:
    """Say what the migrating login lacks, where Postgres refuses to make or change a role. Raises WarehouseNotReady."""
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
