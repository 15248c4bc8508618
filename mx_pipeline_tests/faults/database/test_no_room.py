"""A full disk, no connection left, a server that only reads: the run waits, ends cleanly where it must, and goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest

from mx_pipeline.errors import WarehouseUnavailable
from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.local.postgres_place import existing_place
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.fakes.watched_wire import WatchedWire
from mx_pipeline_tests.faults.database.conftest import Opened


@contextmanager
def full_disk(postgres: EmbeddedPostgres, warehouse: WarehouseUnderTest, table: str) -> Iterator[None]:
    """The table's file, still empty, is /dev/full for a while: each write to it ends with ENOSPC, for any user."""
    place = existing_place(postgres.home)
    assert place is not None
    file = place.data / warehouse.value("SELECT pg_relation_filepath(:table)", table=table)
    kept = file.with_suffix(".kept")
    file.rename(kept)
    file.symlink_to("/dev/full")
    try:
        yield
    finally:
        file.unlink()
        kept.rename(file)
        warehouse.loader.close()  # its sessions have the full one open
        warehouse.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mx_loader'")


def test_p7_a_full_disk_stops_the_run_cleanly_and_the_next_goes_on(
    examination: Examination, syncs_with: Opened, warehouse: WarehouseUnderTest, postgres: EmbeddedPostgres
) -> None:
    warehouse.damage("TRUNCATE mx.invoice_documents CASCADE")
    clinic = syncs_with(examination.clinic(payments=60), patience_seconds=1)
    with full_disk(postgres, warehouse, "mx.invoice_documents"):
        report = clinic.sync("full")

        assert report.outcome == "failed"
        assert "53100" in report.message
        assert warehouse.value("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT) == 60
        assert warehouse.value("SELECT count(*) FROM mx.invoice_map WHERE merchant_id = :m", m=MERCHANT) == 0

    examination.is_whole(clinic, examination.sync(clinic))


def test_p7_room_that_is_made_in_time_is_all_it_takes(
    examination: Examination, syncs_with: Opened, warehouse: WarehouseUnderTest, postgres: EmbeddedPostgres
) -> None:
    warehouse.damage("TRUNCATE mx.invoice_documents CASCADE")
    clinic = syncs_with(examination.clinic(payments=60))
    report: list[Any] = []
    with full_disk(postgres, warehouse, "mx.invoice_documents"):
        running = threading.Thread(target=lambda: report.append(clinic.sync("full")))
        running.start()
        time.sleep(1.5)
    running.join()

    examination.is_whole(clinic, report[0])


def test_p8_without_a_connection_the_run_waits_and_then_says_so(
    examination: Examination, syncs_with: Opened, warehouse: WarehouseUnderTest
) -> None:
    waiting = syncs_with(examination.clinic(payments=60), patience_seconds=1)
    warehouse.damage("ALTER ROLE mx_loader CONNECTION LIMIT 0")
    began = time.monotonic()
    try:
        with pytest.raises(WarehouseUnavailable, match="no connection left"):
            waiting.sync("full")
        warehouse.damage("UPDATE mx.sync_requests SET status = 'done'")
        assert 0.5 < time.monotonic() - began < 25  # and not the 30 s that syncs have patience otherwise

        freed = threading.Timer(1, lambda: warehouse.damage("ALTER ROLE mx_loader CONNECTION LIMIT -1"))
        freed.start()
        report = examination.sync(syncs_with(waiting))
        freed.join()
    finally:
        warehouse.damage("ALTER ROLE mx_loader CONNECTION LIMIT -1")

    examination.is_whole(waiting, report)


def test_p9_a_server_that_only_reads_is_left_until_one_writes(
    examination: Examination, syncs_with: Opened, wire: WatchedWire, warehouse: WarehouseUnderTest
) -> None:
    clinic = syncs_with(examination.clinic(payments=60), wire)
    writes_again: list[threading.Timer] = []

    def only_reads(_: object) -> None:
        is_read_only(warehouse, "on")
        writes_again.append(threading.Timer(2, lambda: is_read_only(warehouse, "off")))
        writes_again[0].start()

    wire.at("INSERT INTO mx.payments", only_reads, when="after")
    try:
        report = examination.sync(clinic)
    finally:
        is_read_only(warehouse, "off")

    assert report.seconds > 1.5
    examination.is_whole(clinic, report)


def is_read_only(warehouse: WarehouseUnderTest, on_or_off: str) -> None:
    """For every session, as after a failover."""
    url = warehouse.logins.admin.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url, options="-c default_transaction_read_only=off")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER SYSTEM SET default_transaction_read_only = {on_or_off}")
            cursor.execute("SELECT pg_reload_conf()")
