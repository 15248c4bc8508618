"""The schema of an earlier release, with real rows in it, and a sync that is slow enough to be met in its middle."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import psycopg2.extras
import pytest
from psycopg2 import sql
from sqlalchemy import make_url

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline.warehouse.migrate import migrate
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.syncing_process import Job, SyncingProcess
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.faults.database.conftest import superuser

FIRST = "0001"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'mx' ORDER BY tablename"
COLUMNS = """
SELECT attname, attgenerated, attidentity FROM pg_attribute
 WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
OF_THE_RUNNER = {"alembic_version", "migration_checksums"}


@pytest.fixture
def first_release(postgres: EmbeddedPostgres, sealing_key: SealingKey) -> Iterator[WarehouseUnderTest]:
    """A warehouse as the first release made it."""
    name = "first_release"
    logins = Logins(make_url(postgres.create_database(name)).set(drivername=DRIVER), sealing_key)
    migrate(logins, to=FIRST)
    under_test = WarehouseUnderTest(logins)
    yield under_test
    under_test.close()
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def slow_sync(clinic: Clinic) -> SyncingProcess:
    """Ten payments a page, so that there is a middle of it."""
    clinic.mx.behaves(MERCHANT, latency_ms=150, payment_page_cap=10)
    return SyncingProcess(Job(clinic.warehouse.logins, clinic.mx.url, MERCHANT))


def pages_are_coming(clinic: Clinic) -> int:
    """Return with the first."""
    deadline = time.monotonic() + 30
    while not (count := stored(clinic)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return count


def stored(clinic: Clinic) -> int:
    """Payments of the merchant."""
    return int(clinic.warehouse.value("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT))


def copied_rows(of: WarehouseUnderTest, into: WarehouseUnderTest) -> dict[str, list[str]]:
    """Every row, as far as the older schema has room for it; returns the tables and the columns."""
    copied: dict[str, list[str]] = {}
    with superuser(of) as source, superuser(into) as target:
        target.execute("SET session_replication_role = replica")  # no foreign key asks for an order
        source.execute(TABLES)
        known = {table for (table,) in source.fetchall()}
        target.execute(TABLES)
        for (table,) in target.fetchall():
            if table in OF_THE_RUNNER or table not in known:
                continue
            columns = sorted(set(_columns(source, table)) & set(_columns(target, table)))
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            place = sql.Identifier("mx", table)
            source.execute(
                sql.SQL("SELECT json_agg(one) FROM (SELECT {} FROM {}) AS one").format(names, place)
            )
            (rows,) = source.fetchone()
            target.execute(
                sql.SQL(
                    "INSERT INTO {place} ({names}) OVERRIDING SYSTEM VALUE"
                    " SELECT {names} FROM json_populate_recordset(NULL::{place}, %s)"
                ).format(place=place, names=names),
                (psycopg2.extras.Json(rows or []),),
            )
            copied[table] = columns
            _count_on(target, table)
        target.connection.commit()
    return copied


def _columns(cursor: Any, table: str) -> list[str]:
    cursor.execute(COLUMNS, (f"mx.{table}",))
    return [name for name, generated, _ in cursor.fetchall() if not generated]


def _count_on(cursor: Any, table: str) -> None:
    """The next number is one that no copied row has."""
    cursor.execute(COLUMNS, (f"mx.{table}",))
    for name in [name for name, _, identity in cursor.fetchall() if identity]:
        cursor.execute(
            sql.SQL("SELECT setval(pg_get_serial_sequence(%s, %s), max({}) + 1) FROM {}").format(
                sql.Identifier(name), sql.Identifier("mx", table)
            ),
            (f"mx.{table}", name),
        )


def contents(warehouse: WarehouseUnderTest, copied: dict[str, list[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with superuser(warehouse) as cursor:
        for table, columns in copied.items():
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            cursor.execute(
                sql.SQL("SELECT one::text FROM (SELECT {} FROM {}) AS one ORDER BY 1").format(
                    names, sql.Identifier("mx", table)
                )
            )
            found[table] = [row for (row,) in cursor.fetchall()]
    return found
