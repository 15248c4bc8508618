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

from mx_pipeline.errors import WarehouseError, WarehouseNotReady
from mx_pipeline.warehouse.connections import CONNECT_TIMEOUT_SECONDS
from mx_pipeline.warehouse.logins import Logins
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
