"""No call more than needed, on either way to an invoice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.sync.conftest import Clinic


def seven_of_ten_on_five_invoices(clinic: Clinic, *, quickpay_reference: str) -> None:
    """Ten payments: seven carry five distinct invoices, three are QuickPay."""
    clinic.mx.has_invoices(
        MERCHANT, *({"invoiceNumber": 1200 + n, "purchases": [_line("Plan A", "100")]} for n in range(5))
    )
    linked = [1200, 1200, 1201, 1201, 1202, 1203, 1204]
    for n, number in enumerate(linked):
        status = "Declined" if n in (0, 2) else "Approved"
        clinic.mx.has_payments(
            MERCHANT, {"source": "Recurring", "invoice": str(number), "amount": "103.5", "surchargeAmount": "3.5",
                       "status": status}
        )  # fmt: skip
    for n in range(3):
        clinic.mx.has_payments(MERCHANT, {"source": "QuickPay", "invoice": quickpay_reference.format(n=n)})


@pytest.mark.parametrize("reference", ["B00ABC{n}E", "1200000{n}", "120{n}"])
def test_ten_payments_of_which_seven_carry_five_invoices_cost_seven_calls(
    a_clinic: Callable[..., Clinic], reference: str
) -> None:
    clinic = a_clinic()
    seven_of_ten_on_five_invoices(clinic, quickpay_reference=reference)

    report = clinic.sync(latest=10)

    assert report.outcome == "success", report.message
    assert clinic.mx.call_count(MERCHANT) == report.stats["apiCalls"] == 7
    assert report.stats["transactionsLinkedToInvoices"] == 7
    assert report.stats["invoicesLinked"] == 5
    assert report.stats["transactionsStandalone"] == 3


def test_pages_capped_at_five_cost_their_pages_and_no_more(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()
    seven_of_ten_on_five_invoices(clinic, quickpay_reference="1200000{n}")
    clinic.mx.behaves(MERCHANT, payment_page_cap=5, invoice_page_cap=5)

    report = clinic.sync(latest=10)

    assert report.outcome == "success", report.message
    assert clinic.mx.call_count(MERCHANT) == 2 + 1 + 5


def test_a_list_that_tells_invoice_ids_needs_no_map(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()
    seven_of_ten_on_five_invoices(clinic, quickpay_reference="B00ABC{n}E")
    clinic.mx.behaves(MERCHANT, list_invoice_ids=True)

    report = clinic.sync(latest=10)

    assert report.outcome == "success", report.message
    assert clinic.mx.call_count(MERCHANT) == 1 + 5
    assert clinic.rows("SELECT DISTINCT link_basis FROM mx.transactions WHERE has_invoice") == [
        ("invoice_ids",)
    ]


def test_one_old_invoice_far_down_the_list_is_asked_of_its_payment(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()
    clinic.mx.has_invoices(
        MERCHANT, *({"invoiceNumber": 1000 + n, "purchases": [_line("Plan A", "100")]} for n in range(60))
    )
    clinic.mx.has_payments(MERCHANT, {"source": "Recurring", "invoice": "1001", "amount": "100"})
    clinic.mx.behaves(MERCHANT, invoice_page_cap=10)

    report = clinic.sync(latest=1)

    assert report.stats["invoicePages"] == 1
    assert report.stats["paymentDetails"] == 1
    assert report.stats["transactionsLinkedToInvoices"] == 1


def test_a_number_of_two_invoices_is_settled_by_their_pages_and_no_payment_is_asked(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic()
    invoices = clinic.mx.has_invoices(
        MERCHANT,
        *({"invoiceNumber": 1200, "purchases": [_line(name, "100")]} for name in ("Plan A", "Plan B")),
    )
    payments = clinic.mx.has_payments(
        MERCHANT,
        *(
            {"source": "Recurring", "invoice": "1200", "amount": "100", "invoiceIds": [invoice]}
            for invoice in invoices
        ),
    )

    report = clinic.sync("full")

    assert report.outcome == "success", report.message
    assert clinic.mx.call_count(MERCHANT) == 1 + 1 + 2
    assert clinic.rows("SELECT mx_payment_id, product_name FROM mx.transactions ORDER BY product_name") == [
        (payments[0], "Plan A"),
        (payments[1], "Plan B"),
    ]


def test_a_reference_that_is_another_payments_number_costs_no_call(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()
    clinic.mx.has_invoices(MERCHANT, {"invoiceNumber": 1200, "purchases": [_line("Plan A", "100")]})
    clinic.mx.has_payments(MERCHANT, {"source": "Recurring", "invoice": "1200", "amount": "100"})
    clinic.mx.has_payments(MERCHANT, {"source": "API", "invoice": "1200", "amount": "100", "invoiceIds": []})

    report = clinic.sync("full")

    assert report.outcome == "success", report.message
    assert clinic.mx.call_count(MERCHANT) == 1 + 1 + 1
    assert clinic.rows("SELECT source, unlinked_reason FROM mx.transactions ORDER BY source") == [
        ("API", "number_proves_nothing"),
        ("Recurring", None),
    ]


def test_news_at_the_top_of_a_page_does_not_ask_for_the_next_one(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "created": _ago(3 * n)} for n in range(1, 40)))
    clinic.mx.behaves(MERCHANT, payment_page_cap=20)
    clinic.sync("full")
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "created": _ago(n / 10)} for n in range(5)))

    report = clinic.sync("incremental")

    assert report.outcome == "success", report.message
    assert report.stats["paymentPages"] == 1


def test_news_below_the_look_back_asks_for_the_next_page(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "created": _ago(3 * n)} for n in range(1, 40)))
    clinic.mx.behaves(MERCHANT, payment_page_cap=20)
    clinic.sync("full")
    clinic.mx.has_payments(MERCHANT, {"source": "QuickPay", "created": _ago(20)})

    report = clinic.sync("incremental")

    assert report.outcome == "success", report.message
    assert report.stats["paymentPages"] == 2


def test_the_newest_hundred_cost_a_page_a_map_and_their_invoices(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=900)

    report = clinic.sync(latest=100)

    asked = report.stats["paymentDetails"]
    assert report.outcome == "success", report.message
    assert report.stats["transactionsSynced"] == 100
    assert clinic.mx.call_count(MERCHANT) == 2 + report.stats["invoiceDetails"] + asked  # type: ignore[operator]


def _ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat().replace("+00:00", "Z")


def _line(name: str, total: str) -> dict[str, Any]:
    return {"productName": name, "totalAmount": total, "price": total, "quantity": 1}


def test_a_sync_of_a_merchant_that_is_as_it_was_flushes_few_transactions(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    """16 of them write (26 before 2026-11-23): each waits for the disk. Two more for a sign of life and the budget."""
    clinic = a_clinic(payments=40)
    clinic.sync("full")
    clinic.sync("incremental")
    began = _transactions_that_wrote(warehouse)

    again = clinic.sync("incremental")

    assert (again.outcome, again.stats["apiCalls"]) == ("success", 1)
    assert _transactions_that_wrote(warehouse) - began - 1 <= 18


def _transactions_that_wrote(warehouse: WarehouseUnderTest) -> int:
    """So far, in this server; to ask is one itself."""
    return warehouse.value("SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint)")
