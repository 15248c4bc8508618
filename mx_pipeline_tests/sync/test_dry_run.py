"""A dry run says what a sync of the newest payments would do and cost; nothing of the merchant's changes by it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from mx_pipeline.access import OPERATOR
from mx_pipeline.errors import WarehouseError
from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.warehouse.cancelling import cancel
from mx_pipeline.warehouse.comparing import LOOKING
from mx_pipeline.warehouse.dispatching import recover_lost
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.invariants import all_tables, written
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

A_MINUTE = 60
ITS_OWN = {"api_usage", "audit_log", "sync_requests", "sync_runs"}
"""What a dry run may write."""


def asked(clinic: Clinic, latest: int = 100, *, dry_run: bool = True) -> int:
    emergency = {"emergency": True, "reason": "a test"} if latest > 100 else {}
    request = SyncRequest("user:a", "api", mode="latest", latest=latest, dry_run=dry_run, **emergency)
    with clinic.warehouse.app.merchant(clinic.merchant_id, person=OPERATOR) as tenant:
        return ask(tenant, request)


def answered(clinic: Clinic, latest: int = 100, *, dry_run: bool = True) -> SyncReport:
    clinic.mx.reset_calls()
    return clinic.answerer.answer(clinic.merchant_id, asked(clinic, latest, dry_run=dry_run))


def all_but_its_own(clinic: Clinic) -> list[tuple[object, ...]]:
    tables = [table for table in all_tables(clinic.warehouse) if table not in ITS_OWN]
    return written(clinic.warehouse, tables, "=", clinic.merchant_id)


def test_it_foretells_what_the_sync_then_does_and_changes_no_row_and_no_state(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic(payments=400)
    clinic.sync("full")
    newest = [
        payment
        for (payment,) in clinic.rows("SELECT mx_payment_id FROM mx.payments ORDER BY created DESC LIMIT 5")
    ]
    for payment in newest[:3]:
        clinic.mx.change_payment(MERCHANT, payment, refundedAmount="1.00")
    clinic.mx.has_invoices(MERCHANT, {"invoiceNumber": 990001}, {"invoiceNumber": 990002})
    for number in (990001, 990002, 990002):
        clinic.mx.has_payments(MERCHANT, {"source": "Recurring", "invoice": str(number)})
    before = all_but_its_own(clinic)

    dry = answered(clinic, 500)

    assert all_but_its_own(clinic) == before
    assert dry.outcome == "success", dry.message
    assert (dry.stats["wouldAdd"], dry.stats["wouldChange"], dry.stats["wouldLeave"]) == (3, 3, 397)
    assert (dry.stats["invoicesWouldAdd"], dry.stats["invoicesToFetch"]) == (2, 2)
    assert dry.stats["apiCalls"] == clinic.mx.call_count(MERCHANT) == 2
    assert clinic.rows("SELECT sum(calls) FROM mx.api_usage WHERE run_id = :r", r=dry.run_id) == [(2,)]

    sync = answered(clinic, 500, dry_run=False)

    assert sync.stats["apiCalls"] == dry.stats["callsNeeded"] == 4
    assert sync.phases_done["payments"]["inserted"] == 3
    assert sync.phases_done["payments"]["updated"] == 3
    again = answered(clinic, 500)
    assert (again.stats["wouldAdd"], again.stats["wouldChange"], again.stats["callsNeeded"]) == (0, 0, 1)


def test_of_a_merchant_that_nobody_has_read_it_says_all_the_same(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=300)

    dry = answered(clinic)
    sync = answered(clinic, dry_run=False)

    assert (dry.stats["dryRun"], dry.stats["wouldAdd"], dry.stats["callsForecast"]) == (True, 100, 47)
    seen_only_then = sync.stats["paymentDetails"]
    assert dry.stats["callsNeeded"] == sync.stats["apiCalls"] - seen_only_then
    assert seen_only_then <= 2


def test_postgres_refuses_a_write_in_the_transaction_that_compares(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()

    with (
        pytest.raises(WarehouseError, match="read-only"),
        clinic.warehouse.loader.merchant(MERCHANT, opening=LOOKING) as tenant,
    ):
        tenant.run(
            "sync",
            "start_run",
            request_id=None,
            dagster_run_id=None,
            mode="full",
            parameters="{}",
            phase=None,
        )
    with clinic.warehouse.loader.merchant(MERCHANT) as tenant:  # the connection is as before
        tenant.run(
            "sync",
            "start_run",
            request_id=None,
            dagster_run_id=None,
            mode="full",
            parameters="{}",
            phase=None,
        )


def test_it_holds_up_no_sync_is_not_taken_for_lost_and_can_be_cancelled(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic(payments=300)
    clinic.mx.behaves(MERCHANT, latency_ms=40, payment_page_cap=1)
    request = asked(clinic)
    reports: list[SyncReport] = []
    answer = clinic.answerer.answer
    looking = threading.Thread(target=lambda: reports.append(answer(MERCHANT, request)), daemon=True)
    looking.start()
    while clinic.mx.call_count(MERCHANT) < 3:
        time.sleep(0.01)
    # As old as a sync whose process gave no sign of life any more.
    clinic.warehouse.damage("UPDATE mx.sync_requests SET claimed_at = now() - interval '2 minutes'")
    clinic.warehouse.damage("UPDATE mx.sync_runs SET started_at = now() - interval '2 minutes'")
    with clinic.warehouse.dispatcher.everyone() as session:
        recover_lost(session)

    real = asked(clinic, 1, dry_run=False)
    beside = clinic.answerer.under("another").answer(MERCHANT, real)
    with clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        assert cancel(tenant, request, by="user:a") == "stopping"
    looking.join(A_MINUTE)

    assert beside.outcome == "success", beside.message
    assert (reports[0].outcome, reports[0].message) == ("cancelled", "cancelled by user:a")
    assert clinic.rows("SELECT status, outcome FROM mx.sync_requests ORDER BY request_id") == [
        ("done", "cancelled"),
        ("done", "success"),
    ]
    assert clinic.mx.call_count(MERCHANT) < 100


def test_a_sync_is_never_joined_to_a_dry_run(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()

    for dry_run in (True, False, True, False):
        asked(clinic, 10, dry_run=dry_run)

    assert [row.status for row in clinic.rows("SELECT status FROM mx.sync_requests ORDER BY request_id")] == [
        "asked", "asked", "joined", "joined",
    ]  # fmt: skip
