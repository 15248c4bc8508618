"""People who log in to Postgres themselves, with verbs; their roles are the server's and go with the test."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as open_connection
from sqlalchemy import make_url

from mx_pipeline.warehouse import sql_logins
from mx_pipeline.warehouse.sql_logins import SqlAccess
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

NUMBERS = count(1)


class Person:
    """One login; `notices` is what the server told it besides rows."""

    def __init__(self, connection: open_connection, name: str) -> None:
        self.connection, self.name = connection, name
        connection.autocommit = True

    def reads(self, statement: str, *parameters: object) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def is_refused(self, statement: str) -> str:
        """The SQLSTATE with which Postgres refuses it."""
        with pytest.raises(psycopg2.Error) as refused:
            self.reads(statement)
        assert refused.value.pgcode is not None
        return refused.value.pgcode

    @property
    def notices(self) -> str:
        return "".join(self.connection.notices)


PATIENCE_SECONDS = 30
THEIR_BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE usename::text = ANY (%s)"


class PeopleWithSql:
    """Makes logins in one warehouse."""

    def __init__(self, warehouse: WarehouseUnderTest) -> None:
        self.warehouse = warehouse
        self.names: list[str] = []
        self.connections: list[open_connection] = []

    def a_name(self) -> str:
        self.names.append(f"someone_{os.getpid()}_{next(NUMBERS)}")
        return self.names[-1]

    def add(self, *merchants: int, **access: Any) -> Person:
        name = self.a_name()
        kind = access.pop("kind", "analyst")
        password = sql_logins.add(
            self.warehouse.logins, name, SqlAccess(kind, **access), merchants, granted_by="operator:test"
        )
        assert password is not None
        return self.logs_in(name, password)

    def logs_in(self, name: str, password: str) -> Person:
        url = self.warehouse.logins.admin.set(drivername="postgresql", username=name, password=password)
        self.connections.append(psycopg2.connect(url.render_as_string(hide_password=False)))
        return Person(self.connections[-1], name)

    def leave(self) -> None:
        for connection in self.connections:
            connection.close()
        server = make_url(self.warehouse.logins.admin).set(drivername="postgresql", database="postgres")
        with closing(psycopg2.connect(server.render_as_string(hide_password=False))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                self._wait_until_they_are_gone(cursor)
                for name in self.names:
                    cursor.execute(f"DROP ROLE IF EXISTS {name}")

    def _wait_until_they_are_gone(self, cursor: Any) -> None:
        """What was temporary is dropped by a backend that ends, a moment after its connection."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            cursor.execute(THEIR_BACKENDS, (self.names,))
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.01)
        raise TimeoutError("a backend does not end though its connection is closed")


@pytest.fixture
def people(warehouse: WarehouseUnderTest) -> Iterator[PeopleWithSql]:
    made = PeopleWithSql(warehouse)
    yield made
    made.leave()
