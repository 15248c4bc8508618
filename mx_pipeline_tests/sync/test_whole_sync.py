"""The main job, end to end on real parts: nothing lost, nothing doubled, nothing asked twice."""

from __future__ import annotations

from collections.abc import Callable

from mx_pipeline.sync.orders import Phase
from mx_pipeline.synthetic_mx import CANARIES, NAME_CANARY
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.sync.conftest import Clinic

CHANGED = """
    SELECT max(changed_at)
      FROM (SELECT changed_at FROM mx.payments UNION SELECT changed_at FROM mx.invoice_documents) AS either
"""


def test_a_full_sync_holds_exactly_what_mx_holds(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=1200)

    report = clinic.sync("full")

    assert report.outcome == "success", report.message
    assert clinic.differences() == []
    assert [(made.stream, made.verdict, made.basis) for made in report.certificates] == [
        ("payments", "agrees", "enumerated"),
        ("invoices", "agrees", "enumerated"),
    ]


def test_a_second_full_sync_writes_nothing_and_asks_for_no_detail(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=1200)
    clinic.sync("full")
    (before,) = clinic.rows(CHANGED)

    report = clinic.sync("full")

    assert (report.stats["inserted"], report.stats["updated"]) == (0, 0)
    assert clinic.mx.call_count(MERCHANT) == report.stats["apiCalls"] == 5  # 2 payment and 3 invoice pages
    assert clinic.rows(CHANGED) == [before]


def test_days_go_by_and_a_full_sync_follows_them(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=600)
    clinic.sync("full")

    for _ in range(3):
        clinic.mx.advance(days=5, merchant_id=MERCHANT)
        report = clinic.sync("full")

        assert report.outcome == "success", report.message
        assert clinic.differences() == []
    assert clinic.rows("SELECT count(*) > 0 FROM mx.payment_history") == [(True,)]


def test_an_incremental_sync_of_an_unchanged_merchant_costs_one_call(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=2500)
    clinic.sync("full")

    report = clinic.sync("incremental")

    assert report.outcome == "success", report.message
    assert clinic.mx.call_count(MERCHANT) == 1
    assert (report.stats["inserted"], report.stats["updated"]) == (0, 0)


def test_the_first_incremental_sync_reads_everything(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=1500)

    report = clinic.sync("incremental")

    assert report.outcome == "success", report.message
    assert [line for line in clinic.differences() if "missing" not in line] == []
    assert clinic.rows("SELECT count(*) FROM mx.payments") == [(1500,)]


def test_new_payments_come_with_the_next_incremental_sync(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=1500)
    clinic.sync("full")
    clinic.mx.receives(MERCHANT, payments=10)

    report = clinic.sync("incremental")

    assert report.stats["inserted"]
    assert clinic.rows("SELECT count(*) FROM mx.payments") == [(1510,)]
    assert clinic.differences() == []


def test_no_secret_and_no_name_gets_in_where_it_must_not(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=600)
    clinic.sync("full")

    everything = clinic.warehouse.everything(but="_people")

    assert [canary for canary in (*CANARIES, NAME_CANARY) if canary in everything] == []
    assert clinic.rows("SELECT count(*) > 0 FROM mx.payment_people WHERE customer_name IS NOT NULL") == [
        (True,)
    ]


def test_what_is_derived_can_be_dropped_and_rebuilt_without_a_call(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=600)
    clinic.sync("full")
    derived = "SELECT * FROM mx.enriched_transactions ORDER BY mx_payment_id"
    links = "SELECT * FROM mx.payment_invoices ORDER BY mx_payment_id, position"
    before = clinic.rows(derived), clinic.rows(links)
    clinic.warehouse.damage("DELETE FROM mx.enriched_transactions")
    clinic.warehouse.damage("DELETE FROM mx.payment_invoices")

    clinic.sync("full", phases=frozenset({Phase.ENRICHED_TRANSACTIONS}))

    assert (clinic.rows(derived), clinic.rows(links)) == before
    assert clinic.mx.call_count(MERCHANT) == 0


def test_two_merchants_with_the_same_ids_do_not_touch_each_other(a_clinic: Callable[..., Clinic]) -> None:
    one, other = a_clinic(1_000_000_001, payments=300), a_clinic(1_001_000_001, payments=300, seed=1)

    reports = [clinic.sync("full") for clinic in (one, other)]

    assert [report.outcome for report in reports] == ["success", "success"]
    assert one.differences() == other.differences() == []
