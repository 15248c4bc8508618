"""What a return gave back: its list row carries a number that MX may have made up, and never the original's id."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.sync.conftest import Clinic

LINKS = "SELECT mx_invoice_id, basis FROM mx.payment_invoices WHERE mx_payment_id = :payment"


@pytest.fixture
def clinic(a_clinic: Callable[..., Clinic]) -> Clinic:
    """Invoice 1127, and the payment that paid it."""
    clinic = a_clinic()
    line = {"productName": "Plan A", "totalAmount": "100"}
    clinic.mx.has_invoices(MERCHANT, {"invoiceNumber": 1127, "purchases": [line]})
    clinic.mx.has_payments(MERCHANT, {"source": "Recurring", "invoice": "1127", "amount": "100"})
    return clinic


def a_return(clinic: Clinic, original: int) -> int:
    """As MX writes it: source Invoice, and the original's reference."""
    (given_back,) = clinic.mx.has_payments(MERCHANT, {"type": "Return", "originalId": original})
    listed = {row["id"]: row for row in clinic.mx.whole_list(MERCHANT, "payments")}
    assert (listed[given_back]["source"], listed[given_back]["invoice"]) == ("Invoice", "1127")
    return given_back


@pytest.mark.parametrize("modes", [["full"], ["full", "incremental"]], ids=["at once", "one after the other"])
def test_a_return_of_a_quickpay_payment_has_no_invoice_though_its_reference_is_the_number_of_one(
    clinic: Clinic, modes: list[str]
) -> None:
    (quickpay,) = clinic.mx.has_payments(
        MERCHANT, {"source": "QuickPay", "invoice": "1127", "amount": "18.89"}
    )
    if len(modes) > 1:
        clinic.sync(modes[0])
    given_back = a_return(clinic, quickpay)

    report = clinic.sync(modes[-1])

    assert report.outcome == "success", report.message
    assert clinic.differences() == []
    assert clinic.rows(LINKS, payment=given_back) == []
    clinic.sync("full")
    assert clinic.mx.call_count(MERCHANT, "payment") == 0  # what its own page said is remembered


def test_so_it_is_where_the_original_was_never_read(clinic: Clinic) -> None:
    (quickpay,) = clinic.mx.has_payments(
        MERCHANT, {"source": "QuickPay", "invoice": "1127", "amount": "18.89"}
    )
    given_back = a_return(clinic, quickpay)

    assert clinic.sync(latest=1).outcome == "success"

    assert clinic.rows("SELECT mx_payment_id FROM mx.payments") == [(given_back,)]
    assert clinic.rows(LINKS, payment=given_back) == []


def test_a_return_of_an_invoices_payment_has_its_invoice_and_costs_no_call(clinic: Clinic) -> None:
    (paid,) = (row["id"] for row in clinic.mx.whole_list(MERCHANT, "payments"))
    given_back = a_return(clinic, paid)

    report = clinic.sync("full")

    assert report.outcome == "success", report.message
    assert clinic.differences() == []
    assert [row.basis for row in clinic.rows(LINKS, payment=given_back)] != []
    assert clinic.mx.call_count(MERCHANT, "payment") == 0
