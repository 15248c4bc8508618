"""P17: the schema moves under a sync that runs by the statements of the release before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
from mx_pipeline.warehouse.migrate import migrate, newest
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.syncing_process import Job, SyncingProcess
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.faults.database.conftest import superuser

FIRST = "0001"
PAYMENTS = 120
LONGER_THAN_A_LOADER_WAITS_SECONDS = 6
"""For one lock; see LOCK_TIMEOUT."""
EXPANDED = """
ALTER TABLE mx.payments ADD COLUMN of_tomorrow text;
ALTER TABLE mx.payments ADD COLUMN kind_of_tomorrow text NOT NULL DEFAULT 'unknown';
ALTER TABLE mx.invoice_documents ADD CONSTRAINT of_tomorrow CHECK (mx_invoice_id <> 0) NOT VALID;
CREATE INDEX payments_of_tomorrow ON mx.payments (merchant_id, of_tomorrow);
CREATE TABLE mx.tomorrow (merchant_id bigint PRIMARY KEY);
"""
"""What docs/operating.md allows a migration to do."""
CONTRACTED = "ALTER TABLE mx.payments RENAME COLUMN payload TO payload_of_tomorrow"
"""What it forbids for as long as a worker of the release before may run."""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'mx' ORDER BY tablename"
COLUMNS = """
SELECT attname, attgenerated, attidentity FROM pg_attribute
 WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
OF_THE_RUNNER = {"alembic_version", "migration_checksums"}


def test_p17_a_sync_goes_on_while_a_migration_expands_the_schema(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=PAYMENTS)
    with closing(_slow_sync(clinic)) as syncing, superuser(warehouse) as owner:
        before = _pages_are_coming(clinic)

        owner.execute("SET ROLE mx_owner")
        owner.execute(EXPANDED)
        time.sleep(LONGER_THAN_A_LOADER_WAITS_SECONDS)
        owner.connection.commit()
        clinic.mx.behaves(MERCHANT, latency_ms=0)
        told = syncing.told()

    assert 0 < before < PAYMENTS
    assert told is not None
    assert told["outcome"] == "success", told
    assert clinic.differences() == []


def test_p17_a_worker_that_is_too_old_stops_cleanly_and_its_pages_stay_whole(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=PAYMENTS)
    with closing(_slow_sync(clinic)) as syncing:
        _pages_are_coming(clinic)

        warehouse.damage(CONTRACTED)
        told = syncing.told()

    assert told is not None
    assert told["outcome"] == "failed", told
    assert "mx-pipeline migrate" in told["message"]
    kept = _stored(clinic)
    assert 0 < kept < PAYMENTS
    assert kept % 10 == 0, "whole pages"
    warehouse.damage("ALTER TABLE mx.payments RENAME COLUMN payload_of_tomorrow TO payload")
    clinic.mx.behaves(MERCHANT, latency_ms=0)
    assert clinic.sync("full").outcome == "success"
    assert clinic.differences() == []


def test_p17_the_first_released_schema_is_brought_to_the_newest_with_all_that_is_in_it(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest, first_release: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=PAYMENTS)
    assert clinic.sync("full").outcome == "success"
    copied = _copied(warehouse, first_release)
    answerer = clinic.answerer
    clinic.warehouse = first_release
    clinic.answerer = type(answerer)(
        first_release.loader, first_release.sealer, answerer.mx_urls, "test", limits=answerer.limits
    )
    assert len(_contents(first_release, copied)["payments"]) >= PAYMENTS

    refused = clinic.sync()  # today's statements on that schema
    assert (refused.outcome, "mx-pipeline migrate" in refused.message) == ("failed", True), refused.message
    before = _contents(first_release, copied)
    migrated = migrate(first_release.logins)

    assert (migrated.before, migrated.after) == (FIRST, newest())
    assert _contents(first_release, copied) == before
    assert clinic.sync().outcome == "success"
    assert clinic.differences() == []


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


def _slow_sync(clinic: Clinic) -> SyncingProcess:
    clinic.mx.behaves(MERCHANT, latency_ms=150, payment_page_cap=10)
    return SyncingProcess(Job(clinic.warehouse.logins, clinic.mx.url, MERCHANT))


def _pages_are_coming(clinic: Clinic) -> int:
    deadline = time.monotonic() + 30
    while not (stored := _stored(clinic)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return stored


def _stored(clinic: Clinic) -> int:
    return int(clinic.warehouse.value("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT))


def _copied(of: WarehouseUnderTest, into: WarehouseUnderTest) -> dict[str, list[str]]:
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
        target.connection.commit()
    return copied


def _columns(cursor: Any, table: str) -> list[str]:
    cursor.execute(COLUMNS, (f"mx.{table}",))
    return [name for name, generated, _ in cursor.fetchall() if not generated]


def _contents(warehouse: WarehouseUnderTest, copied: dict[str, list[str]]) -> dict[str, list[str]]:
    contents: dict[str, list[str]] = {}
    with superuser(warehouse) as cursor:
        for table, columns in copied.items():
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            cursor.execute(
                sql.SQL("SELECT one::text FROM (SELECT {} FROM {}) AS one ORDER BY 1").format(
                    names, sql.Identifier("mx", table)
                )
            )
            contents[table] = [row for (row,) in cursor.fetchall()]
    return contents
