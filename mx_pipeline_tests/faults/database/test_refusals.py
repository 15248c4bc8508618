"""What Postgres refuses for the moment: the transaction is run again, whole or in smaller parts, and not for ever."""

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
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.fakes.watched_wire import WatchedWire
from mx_pipeline_tests.faults.database.conftest import Opened, superuser, waits_for_lock

TOO_SLOW_FOR_MORE_THAN = 30
SLOW = f"""
CREATE FUNCTION mx.is_slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM arrived) > {TOO_SLOW_FOR_MORE_THAN} THEN
        PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(5);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER is_slow AFTER INSERT ON mx.payments REFERENCING NEW TABLE AS arrived
   FOR EACH STATEMENT EXECUTE FUNCTION mx.is_slow()
"""


def voids_some(clinic: Clinic) -> None:
    """Payments that are here already change, so that their rows are written again."""
    for (mx_id,) in clinic.rows(
        "SELECT mx_payment_id FROM mx.payments WHERE merchant_id = :m AND status = 'Settled' LIMIT 5",
        m=MERCHANT,
    ):
        clinic.mx.change_payment(MERCHANT, mx_id, status="Voided")


def test_p3_the_victim_of_a_deadlock_goes_again(
    examination: Examination, syncs_with: Opened, wire: WatchedWire, warehouse: WarehouseUnderTest
) -> None:
    clinic = syncs_with(examination.clinic(payments=60, is_synced=True), wire)
    voids_some(clinic)
    with superuser(warehouse) as other:
        other.execute("SET deadlock_timeout = '60 s'")  # so it is never the one that gives way
        other.execute("UPDATE mx.payments SET changed_at = changed_at WHERE merchant_id = %s", (MERCHANT,))
        embraced = threading.Thread(target=lambda: embrace(other, warehouse))
        embraced.start()

        report = clinic.sync("full")

        embraced.join()
    assert "ROLLBACK" in wire.statements
    examination.is_whole(clinic, report)


def embrace(other: Any, warehouse: WarehouseUnderTest) -> None:
    """The sync holds its lease and waits for our payments; now we want its lease."""
    waits_for_lock(warehouse)
    other.execute("UPDATE mx.sync_leases SET holder = holder WHERE merchant_id = %s", (MERCHANT,))
    other.connection.rollback()


def test_p4_a_transaction_that_cannot_be_serialized_goes_again(
    examination: Examination, syncs_with: Opened, wire: WatchedWire, warehouse: WarehouseUnderTest
) -> None:
    warehouse.damage("ALTER ROLE mx_loader SET default_transaction_isolation = 'repeatable read'")
    try:
        clinic = syncs_with(examination.clinic(payments=60, is_synced=True), wire)
        voids_some(clinic)
        moment = wire.at(
            "INSERT INTO mx.payments",
            lambda _: warehouse.damage("UPDATE mx.payments SET changed_at = changed_at"),
        )

        report = examination.sync(clinic)
    finally:
        warehouse.damage("ALTER ROLE mx_loader RESET default_transaction_isolation")

    assert moment.is_over
    assert moment.seen >= 1
    assert "ROLLBACK" in wire.statements
    examination.is_whole(clinic, report)


def test_p5_a_run_waits_for_a_table_that_somebody_has_locked(
    examination: Examination, syncs_with: Opened, wire: WatchedWire, warehouse: WarehouseUnderTest
) -> None:
    clinic = syncs_with(examination.clinic(payments=60), wire)
    with superuser(warehouse) as other:
        other.execute("LOCK TABLE mx.payments IN ACCESS EXCLUSIVE MODE")
        let_go = threading.Timer(6, other.connection.rollback)
        let_go.start()

        report = clinic.sync("full")

        let_go.join()
    assert report.seconds > 5.5
    assert "ROLLBACK" in wire.statements  # the lock timeout of 5 s, and not only its patience
    examination.is_whole(clinic, report)


def test_p6_what_takes_too_long_is_written_in_smaller_parts(
    examination: Examination, warehouse: WarehouseUnderTest
) -> None:
    warehouse.damage(SLOW)
    clinic = examination.clinic(payments=100)

    report = examination.sync(clinic)

    examination.is_whole(clinic, report)


def test_p6_a_database_that_is_slow_for_any_size_is_called_so(
    examination: Examination, syncs_with: Opened, warehouse: WarehouseUnderTest
) -> None:
    warehouse.damage(SLOW.replace(f"> {TOO_SLOW_FOR_MORE_THAN}", "> 0"))
    clinic = syncs_with(examination.clinic(payments=100), patience_seconds=0.5)

    report = examination.sync(clinic)

    assert report.outcome == "failed"
    assert "too slow (57014)" in report.message


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
        assert 0.5 < time.monotonic() - began < 5

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
