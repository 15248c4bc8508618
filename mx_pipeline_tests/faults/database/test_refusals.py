"""What Postgres refuses for the moment: the transaction is run again, whole or in smaller parts, and not for ever."""

from __future__ import annotations

import threading
import time
from typing import Any

from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.fakes.watched_wire import WatchedWire
from mx_pipeline_tests.faults.database.conftest import Opened, superuser, waits_for_lock

LOCK_TIMEOUT_SECONDS = 5
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
    assert "40P01" in wire.refusals
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
    assert "40001" in wire.refusals
    examination.is_whole(clinic, report)


def test_p5_a_run_waits_for_a_table_that_somebody_has_locked(
    examination: Examination, syncs_with: Opened, wire: WatchedWire, warehouse: WarehouseUnderTest
) -> None:
    clinic = syncs_with(examination.clinic(payments=60), wire)
    with superuser(warehouse) as other:
        other.execute("LOCK TABLE mx.payments IN ACCESS EXCLUSIVE MODE")
        let_go = threading.Thread(target=let_go_after_the_timeout, args=(other, warehouse))
        let_go.start()

        report = clinic.sync("full")

        let_go.join()
    assert report.seconds > LOCK_TIMEOUT_SECONDS
    assert "55P03" in wire.refusals  # the lock timeout of 5 s, and not only its patience
    examination.is_whole(clinic, report)


def let_go_after_the_timeout(other: Any, warehouse: WarehouseUnderTest) -> None:
    """However late the sync comes to wait for the lock."""
    waits_for_lock(warehouse)
    time.sleep(LOCK_TIMEOUT_SECONDS + 1)
    other.connection.rollback()


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
