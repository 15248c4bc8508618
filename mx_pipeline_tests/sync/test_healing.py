"""A gap is found where it is, mended, and named where it cannot be."""

from __future__ import annotations

from collections.abc import Callable

from mx_pipeline.sync.orders import Phase
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.sync.conftest import Clinic

PAYMENTS_ONLY = frozenset({Phase.PAYMENTS})


def loses_payments(clinic: Clinic, *, from_row: int, rows: int) -> None:
    """What no role of ours could do to the warehouse."""
    clinic.warehouse.damage(
        """DELETE FROM mx.payments WHERE mx_payment_id IN
             (SELECT mx_payment_id FROM mx.payments WHERE merchant_id = :merchant_id
               ORDER BY created DESC, mx_payment_id DESC OFFSET :from_row LIMIT :rows)""",
        merchant_id=MERCHANT,
        from_row=from_row,
        rows=rows,
    )


def test_p21_a_gap_after_a_restore_is_closed_by_the_next_sync(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=700)
    clinic.sync("full")
    loses_payments(clinic, from_row=0, rows=40)
    loses_payments(clinic, from_row=500, rows=3)

    report = clinic.sync("incremental")

    assert report.outcome == "success", report.message
    assert clinic.differences() == []


def test_a_gap_deep_down_is_located_with_few_calls(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=20_000)
    clinic.sync("full", phases=PAYMENTS_ONLY)
    loses_payments(clinic, from_row=13_500, rows=5)

    report = clinic.sync("incremental", phases=PAYMENTS_ONLY)

    assert report.outcome == "success", report.message
    assert report.stats["paymentPages"] <= 1 + 5 + 1  # the newest page, log2(20 pages), the page with the gap
    assert clinic.rows("SELECT count(*) FROM mx.payments") == [(20_000,)]


def test_a_payment_that_mx_lists_no_more_is_no_longer_counted(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=300)
    clinic.sync("full")
    gone = clinic.rows("SELECT mx_payment_id FROM mx.payments ORDER BY created LIMIT 1")[0][0]
    clinic.mx.remove_payment(MERCHANT, gone)

    report = clinic.sync("incremental")

    assert report.outcome == "success", report.message
    assert clinic.rows("SELECT count(*) FROM mx.transactions") == [(299,)]
    assert clinic.rows(
        "SELECT vanished_at IS NOT NULL FROM mx.payments WHERE mx_payment_id = :gone", gone=gone
    ) == [(True,)]
