"""What was bought, against a small model of its own: mx_api.md 5.3, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mx_pipeline.records import InvoiceDetail, Payment, PaymentDetail, PaymentOfInvoice, Purchase
from mx_pipeline.warehouse.deriving import derive
from mx_pipeline.warehouse.loading import load_invoice_details, load_payment_details, load_payments
from mx_pipeline_tests.fakes.clinic import Clinic, a_clinic, mx, synthetic_mx
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

__all__ = ["a_clinic", "mx", "synthetic_mx"]

Line: TypeAlias = tuple[str | None, Decimal | None]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WHITE_SPACE_OF_THE_VENDORS_CLIENT = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000\ufeff"
)
IDS = count(1)
NAMES = st.none() | st.builds(
    "".join,
    st.tuples(
        st.text(st.sampled_from(WHITE_SPACE_OF_THE_VENDORS_CLIENT), max_size=2),
        st.sampled_from(["", "Plan A", "plan a", "Plan - B", "0.5 ml / 2", "חבילה", "\x85", "\x1f", "🌿"]),
        st.text(st.sampled_from(WHITE_SPACE_OF_THE_VENDORS_CLIENT), max_size=2),
    ),
)
TOTALS = st.none() | st.sampled_from(
    [*map(Decimal, ("0", "-0", "-0.01", "-5", "5", "5.00", "5.001", "1E+3"))]
)
LINES = st.lists(st.tuples(NAMES, TOTALS), max_size=6)


def by_the_paper(lines: Iterable[Line]) -> str | None:
    """The strictly greatest total, the first of equals; missing is 0, which beats what is negative."""
    best: Line | None = None
    for name, total in lines:
        if best is None or (total or 0) > (best[1] or 0):
            best = (name, total)
    return ((best[0] if best else None) or "").strip(WHITE_SPACE_OF_THE_VENDORS_CLIENT) or None


def bills(lines: Sequence[Line]) -> tuple[InvoiceDetail, Payment, PaymentDetail]:
    """An invoice with these lines, the sale that paid it, and the Return that names nothing but the sale."""
    number = next(IDS)
    invoice, sale, back = number, 2 * number, 2 * number + 1
    purchases = tuple(Purchase(product_name=name, total_amount=total) for name, total in lines)
    paid_by = (PaymentOfInvoice(payment_id=sale),)
    return (
        InvoiceDetail(invoice_id=invoice, invoice_number=invoice, purchases=purchases, payments=paid_by),
        Payment(payment_id=sale, created=NOON, amount=Decimal(5), status="Approved", source="Invoice"),
        PaymentDetail(
            payment_id=back,
            created=NOON,
            amount=Decimal(-5),
            status="Approved",
            type="Return",
            original_id=sale,
        ),
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(bought=st.lists(LINES, min_size=1, max_size=12))
def test_the_main_product_is_the_papers_and_returns_inherit_it(
    warehouse: WarehouseUnderTest, bought: list[list[Line]]
) -> None:
    if not warehouse.rows("SELECT FROM mx.mx_merchant_configs"):
        warehouse.has_merchant()
    records = [bills(lines) for lines in bought]

    with warehouse.loader.merchant(MERCHANT) as tenant:
        load_payments(tenant, [sale for _, sale, _ in records], observed_at=NOON)
        load_payment_details(tenant, [(back, NOON) for _, _, back in records])
        load_invoice_details(tenant, [(invoice, NOON) for invoice, _, _ in records])
        derive(tenant, [payment.payment_id for _, *payments in records for payment in payments])

    derived = {
        row.mx_payment_id: (row.product_name, row.product_category)
        for row in warehouse.rows(
            "SELECT mx_payment_id, product_name, product_category FROM mx.enriched_transactions"
        )
    }
    for lines, (invoice, sale, back) in zip(bought, records, strict=True):
        wanted = (by_the_paper(lines), "Uncategorized")
        assert derived[sale.payment_id] == derived[back.payment_id] == wanted
        stored = warehouse.rows(
            "SELECT product_name, total_amount FROM mx.invoice_purchases WHERE mx_invoice_id = :id ORDER BY line",
            id=invoice.invoice_id,
        )
        assert [tuple(row) for row in stored] == lines, "all lines are kept, as sent"


def test_the_lines_of_a_payments_own_page_name_nothing(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()
    planted = {"name": "Planted", "productName": "Planted", "totalAmount": "99999", "extendedAmount": "99999"}
    line = {"productName": "Plan A", "totalAmount": "200", "price": "200"}
    twin, _ = clinic.mx.has_invoices(
        MERCHANT, {"invoiceNumber": 77, "purchases": [line]}, {"invoiceNumber": 77, "purchases": [line]}
    )
    clinic.mx.has_payments(
        MERCHANT,
        {"source": "Recurring", "invoice": "77", "trueInvoiceIds": [twin], "tellsInvoiceIds": True,
         "purchases": [planted]},
    )  # fmt: skip

    report = clinic.sync("full")

    assert report.outcome == "success", report.message
    assert clinic.mx.call_count(MERCHANT, "payment") == 1, (
        "its own page was read: which of the twins did it pay?"
    )
    assert clinic.rows("SELECT mx_invoice_id, product_name FROM mx.enriched_transactions") == [
        (twin, "Plan A")
    ]
    assert "Planted" not in clinic.warehouse.everything(but="nothing")
