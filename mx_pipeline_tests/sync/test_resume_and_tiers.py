"""A sync that was cut off goes on where it was, and what may still change is read again in its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from mx_pipeline.synthetic_mx import FixedAnswer
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.sync.conftest import Clinic

A_DAY_LATER = "UPDATE mx.sync_state SET daily_at = daily_at - interval '25 hours'"
A_WEEK_LATER = """
    UPDATE mx.sync_state
       SET daily_at = daily_at - interval '8 days', weekly_at = weekly_at - interval '8 days'
"""


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat().replace("+00:00", "Z")


def pages_of(clinic: Clinic, calls: int) -> FixedAnswer:
    """After so many payment pages the vendor is gone."""
    return FixedAnswer(
        endpoint="payments", merchant_id=MERCHANT, skip=calls, status=500, body="", name="gone"
    )


def test_a_full_walk_goes_on_where_it_was_cut_off(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=1200)
    clinic.mx.behaves(MERCHANT, payment_page_cap=100)
    clinic.mx.answers(pages_of(clinic, 8))
    assert clinic.sync("full").outcome == "failed"
    clinic.mx.answers_truthfully()

    report = clinic.sync("full")

    assert report.outcome == "success", report.message
    assert clinic.mx.call_count(MERCHANT, "payments") == 1 + 5  # the top, and from row 750 on
    assert clinic.differences() == []


def test_new_payments_above_a_cut_walk_are_not_missed(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=600)
    clinic.mx.behaves(MERCHANT, payment_page_cap=100)
    clinic.mx.answers(pages_of(clinic, 3))
    clinic.sync("full")
    clinic.mx.answers_truthfully()
    clinic.mx.receives(MERCHANT, payments=130)

    report = clinic.sync("full")

    assert report.outcome == "success", report.message
    assert clinic.differences() == []


def test_an_incremental_sync_does_not_stop_above_the_place_where_the_last_was_cut(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic()
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "created": ago(60 + n)} for n in range(20)))
    clinic.sync("full")
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "created": ago(20 + n)} for n in range(30)))
    clinic.mx.behaves(MERCHANT, payment_page_cap=10)
    clinic.mx.answers(pages_of(clinic, 1))
    assert clinic.sync("incremental").outcome == "failed"
    clinic.mx.answers_truthfully()

    report = clinic.sync("incremental")

    assert report.outcome == "success", report.message
    assert clinic.rows("SELECT count(*) FROM mx.payments") == [(50,)]


def test_an_open_payment_below_the_look_back_is_asked_for_daily(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()
    (old,) = clinic.mx.has_payments(
        MERCHANT, {"source": "QuickPay", "created": ago(40), "status": "Approved"}
    )
    clinic.mx.has_payments(
        MERCHANT,
        *({"source": "QuickPay", "created": ago(10 + n / 10), "status": "Settled"} for n in range(60)),
    )
    clinic.mx.behaves(MERCHANT, payment_page_cap=10)
    clinic.sync("full")
    clinic.mx.change_payment(MERCHANT, old, status="Voided")

    assert clinic.sync("incremental").stats["updated"] == 0
    clinic.warehouse.damage(A_DAY_LATER)
    report = clinic.sync("incremental")

    assert report.stats["updated"] == 1
    assert clinic.rows("SELECT status FROM mx.payments WHERE mx_payment_id = :old", old=old) == [("Voided",)]
    assert clinic.rows("SELECT status_before, status FROM mx.payment_history") == [("Approved", "Voided")]


def test_d20_a_chargeback_after_ninety_days_is_found_within_a_week(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()
    (old,) = clinic.mx.has_payments(
        MERCHANT, {"source": "QuickPay", "created": ago(100), "status": "Settled"}
    )
    clinic.mx.has_payments(
        MERCHANT, *({"source": "QuickPay", "created": ago(10 + n), "status": "Settled"} for n in range(50))
    )
    clinic.mx.behaves(MERCHANT, payment_page_cap=10)
    clinic.sync("full")
    clinic.mx.change_payment(MERCHANT, old, status="Chargedback")
    clinic.warehouse.damage(A_WEEK_LATER)

    report = clinic.sync("incremental")

    assert report.outcome == "success", report.message
    assert clinic.rows("SELECT status_before, status FROM mx.payment_history") == [("Settled", "Chargedback")]
    assert report.certificates[0].basis == "enumerated"
    assert clinic.sync("incremental").stats["paymentPages"] == 1


def test_an_unchanged_merchant_costs_one_call_and_a_second_once_a_day(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic(payments=300)
    clinic.sync("full")

    assert [clinic.sync("incremental").stats["apiCalls"] for _ in range(2)] == [1, 1]
    clinic.warehouse.damage(A_DAY_LATER)
    assert clinic.sync("incremental").stats["apiCalls"] == 2
