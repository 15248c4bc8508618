"""What every test may ask for: a real Postgres, and in it a migrated warehouse of its own."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import count

import psycopg2
import pytest
from sqlalchemy import make_url

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline.warehouse.migrate import migrate
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.local.throwaway_postgres import throwaway_postgres

NUMBERS = count(1)


@pytest.fixture(scope="session")
def postgres() -> Generator[EmbeddedPostgres]:
    """One server for the whole session."""
    with throwaway_postgres(max_connections="200") as server:
        yield server


@pytest.fixture(scope="session")
def sealing_key() -> SealingKey:
    """One key for the session: the logins of all test databases are the server's, and come from it."""
    return SealingKey.generate()


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres, sealing_key: SealingKey) -> str:
    """A migrated database that each test gets a copy of."""
    name = f"template_{os.getpid()}"
    migrate(Logins(make_url(postgres.create_database(name)).set(drivername=DRIVER), sealing_key))
    return name


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """The address of a fresh copy, by the superuser."""
    name = f"test_{os.getpid()}_{next(NUMBERS)}"
    yield postgres.create_database(name, template=template)
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def warehouse(database_url: str, sealing_key: SealingKey) -> Iterator[WarehouseUnderTest]:
    """A warehouse of its own for one test, opened as any role."""
    under_test = WarehouseUnderTest(Logins(make_url(database_url).set(drivername=DRIVER), sealing_key))
    yield under_test
    under_test.close()
