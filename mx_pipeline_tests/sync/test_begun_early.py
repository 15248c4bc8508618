"""A list that is wanted for certain is asked for while what came before it is written; never before that has come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from mx_pipeline.sync.orders import Phase, SyncReport
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.faults.database.conftest import superuser, waits_for_lock
from mx_pipeline_tests.sync.conftest import Clinic

PATIENCE_SECONDS = 60


def test_the_invoice_list_is_asked_for_while_the_last_payments_are_written(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    clinic, reports = a_clinic(payments=40), list[SyncReport]()
    syncing = threading.Thread(target=lambda: reports.append(clinic.sync("full")))

    with superuser(warehouse) as other:
        other.execute("LOCK mx.payments IN SHARE MODE")
        syncing.start()
        waits_for_lock(warehouse)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not clinic.mx.call_count(MERCHANT, "invoices") and time.monotonic() < deadline:
            time.sleep(0.01)
        begun = clinic.mx.call_count(MERCHANT, "invoices")
        other.connection.rollback()
    syncing.join()

    assert begun == 1
    assert reports[0].outcome == "success", reports[0].message
    assert clinic.differences() == []
    assert clinic.mx.call_count(MERCHANT, "invoices") == 1
    calls = {phase: done["calls"] for phase, done in reports[0].phases_done.items()}
    assert (calls[Phase.PAYMENTS], calls[Phase.INVOICE_MAP]) == (1, 1)


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_no_invoice_is_asked_for_before_the_last_payments_have_come(
    a_clinic: Callable[..., Clinic], mode: str
) -> None:
    clinic = a_clinic(payments=100)
    clinic.mx.behaves(MERCHANT, payment_page_cap=30, invoice_page_cap=30)

    report = clinic.sync(mode)

    assert report.outcome == "success", report.message
    asked = [request["endpoint"] for request in clinic.mx.calls(MERCHANT)["requests"]]
    assert asked[:5] == ["payments"] * 4 + ["invoices"]
    assert "payments" not in asked[4:]


def test_an_invoice_list_that_nobody_wants_is_not_begun(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=40)

    payments_alone = clinic.sync("full", phases=frozenset({Phase.PAYMENTS}))
    clinic.sync("full")
    unchanged = clinic.sync("incremental")

    assert (payments_alone.stats["apiCalls"], unchanged.stats["apiCalls"]) == (1, 1)
