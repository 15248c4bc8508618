"""What a backup holds, counted in the very snapshot that it is taken from; and the empty place where one comes back."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql
from sqlalchemy import Connection

from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.administering import admin_transaction, utility
from mx_pipeline.warehouse.connections import HELD, Session, Warehouse
from mx_pipeline.warehouse.logins import AGGREGATOR_ROLE, Logins
from mx_pipeline.warehouse.migrate import create_roles, own_schema, take_turn


@dataclass(frozen=True)
class Held:
    """One moment of the warehouse, for as long as it is held."""

    snapshot: str
    server: int
    """The server's major version."""
    schema_version: str
    rows: Mapping[str, int]


@contextmanager
def held(warehouse: Warehouse) -> Generator[Held]:
    """As the login for backups. Raises WarehouseError and its kinds."""
    with warehouse.everyone(opening=HELD) as session:
        snapshot = session.one("backup", "hold_snapshot")
        version = session.run("backup", "schema_version").scalar_one()
        yield Held(snapshot.snapshot, snapshot.server, version, _rows(session))


def make_room(logins: Logins) -> int:
    """The roles and an empty schema, where nothing is yet; tells the server's major version. Raises BadInput."""
    with admin_transaction(logins) as connection:
        server = take_turn(connection)
        create_roles(connection, logins)
        own_schema(connection, server.login)
        if Session(connection).run("backup", "relations").scalar_one():
            raise BadInput(
                f"database {server.database} holds a warehouse already; restore into a new one: CREATE DATABASE, then "
                "its address in MX_DATABASE_URL"
            )
        # Who is no superuser hands a view over only to a role that may create one there, and a dump grants last.
        utility(connection, "GRANT CREATE ON SCHEMA mx TO {}", sql.Identifier(AGGREGATOR_ROLE))
        return server.version // 10000


def close_room(logins: Logins) -> None:
    """What only the restoring needed."""
    with admin_transaction(logins) as connection:
        utility(connection, "REVOKE CREATE ON SCHEMA mx FROM {}", sql.Identifier(AGGREGATOR_ROLE))


def clear_room(logins: Logins) -> None:
    """Take away whatever was restored."""
    with admin_transaction(logins) as connection:
        utility(connection, "DROP SCHEMA IF EXISTS mx CASCADE")


def _rows(session: Session) -> dict[str, int]:
    return {
        table: _count(session.connection, table)
        for (table,) in session.run("backup", "tables").tuples().all()
    }


def _count(connection: Connection, table: str) -> int:
    # A name is no parameter, so the driver quotes it.
    driver: Any = connection.connection.driver_connection
    statement = sql.SQL("SELECT count(*) FROM mx.{}").format(sql.Identifier(table)).as_string(driver)
    return connection.exec_driver_sql(statement).scalar_one()
