"""Pages of records become rows: once, in order of news, and without noise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from mx_pipeline.records import (
    Customer,
    Invoice,
    InvoiceDetail,
    Payment,
    PaymentDetail,
    PaymentOfInvoice,
    Purchase,
)
from mx_pipeline.warehouse.loading import (
    Merged,
    load_invoice_details,
    load_invoices,
    load_payment_details,
    load_payments,
)
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PAYMENT = 4_000_000_000_000_001
READ = "SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE relname = 'invoice_documents'"


def a_payment(payment_id: int = PAYMENT, **told: object) -> Payment:
    return Payment(
        **{
            "payment_id": payment_id,
            "created": NOON,
            "amount": Decimal("207.00"),
            "status": "Approved",
            "customer_name": "Pat Example",
            "auth_code": "012345",
            **told,
        }
    )


def a_detail(invoice_id: int = 10_000_001, **told: object) -> InvoiceDetail:
    line = Purchase(purchase_id=9, product_name="Plan A ", total_amount=Decimal(200))
    return InvoiceDetail(
        **{
            "invoice_id": invoice_id,
            "invoice_number": 1234,
            "total_amount": Decimal(200),
            "customer": Customer(customer_id=40, name="Pat Example"),
            "purchases": (line,),
            "purchases_as_sent": ({"id": 9, "productName": "Plan A ", "totalAmount": "200"},),
            "payments": (PaymentOfInvoice(payment_id=1),),
            **told,
        }
    )


def test_a_page_is_written_once_and_reported(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    page = [a_payment(1), a_payment(2), a_payment(3)]

    with warehouse.loader.merchant(MERCHANT) as tenant:
        first = load_payments(tenant, page, observed_at=NOON)
    with warehouse.loader.merchant(MERCHANT) as tenant:
        second = load_payments(
            tenant, [*page, a_payment(4), a_payment(2, status="Settled")], observed_at=NOON + MINUTE
        )

    assert first == Merged(inserted=3)
    assert (second.inserted, second.updated) == (1, 1)
    assert warehouse.rows("SELECT mx_payment_id, status FROM mx.payments ORDER BY 1") == [
        (1, "Approved"),
        (2, "Settled"),
        (3, "Approved"),
        (4, "Approved"),
    ]


def test_a_late_page_cannot_overwrite_newer_news(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT) as tenant:
        load_payments(tenant, [a_payment(status="Settled")], observed_at=NOON)

        late = load_payments(tenant, [a_payment(status="Approved")], observed_at=NOON - MINUTE)

    assert late == Merged(unchanged=1)
    assert warehouse.value("SELECT status FROM mx.payments") == "Settled"


def test_one_ledger_row_for_each_true_change(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT) as tenant:
        load_payments(tenant, [a_payment()], observed_at=NOON)
        load_payments(tenant, [a_payment(status="Settled")], observed_at=NOON + MINUTE)
        load_payments(tenant, [a_payment(status="Settled")], observed_at=NOON + 2 * MINUTE)
        load_payments(tenant, [a_payment(status="Settled", batch="Z01A1")], observed_at=NOON + 3 * MINUTE)

    assert warehouse.rows("SELECT status_before, status FROM mx.payment_history") == [("Approved", "Settled")]


def test_the_ledger_of_a_page_has_its_true_changes_each_with_its_own_values(
    warehouse: WarehouseUnderTest,
) -> None:
    warehouse.has_merchant()
    before = [a_payment(PAYMENT + each, amount=Decimal(each)) for each in range(1, 5)]
    settled, refunded, renamed, as_it_was = before
    after = [
        msgspec.structs.replace(settled, status="Settled"),
        msgspec.structs.replace(refunded, refunded_amount=Decimal(2)),
        msgspec.structs.replace(renamed, customer_name="Another"),
        as_it_was,
        a_payment(PAYMENT + 5),
    ]

    with warehouse.loader.merchant(MERCHANT) as tenant:
        load_payments(tenant, before, observed_at=NOON)
        load_payments(tenant, after, observed_at=NOON)

    ledger = warehouse.rows(
        "SELECT mx_payment_id - :payment, amount, status_before, status, refunded_amount"
        " FROM mx.payment_history ORDER BY mx_payment_id",
        payment=PAYMENT,
    )
    assert ledger == [(1, 1, "Approved", "Settled", None), (2, 2, "Approved", "Approved", 2)]


def test_no_ledger_is_written_by_a_nested_loop(warehouse: WarehouseUnderTest) -> None:
    """A trigger's plan is made for its first statement, however few rows that had, and kept: 19,000 took 48 s."""
    settings = warehouse.rows(
        "SELECT tgname, proconfig FROM pg_trigger JOIN pg_proc AS function ON function.oid = tgfoid"
        " WHERE tgoldtable IS NOT NULL AND tgnewtable IS NOT NULL"
    )

    assert len(settings) >= 2
    assert [name for name, chosen in settings if "enable_nestloop=off" not in chosen] == []


def test_names_stay_out_of_the_payload(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT) as tenant:
        load_payments(tenant, [a_payment()], observed_at=NOON)
        load_invoice_details(tenant, [(a_detail(memo="for Pat Example"), NOON)])

    assert "Pat" not in str(warehouse.rows("SELECT payload, detail FROM mx.payments"))
    assert "Pat" not in str(warehouse.rows("SELECT raw_data FROM mx.invoice_documents"))
    assert warehouse.value("SELECT customer_name FROM mx.transactions") == "Pat Example"
    assert warehouse.value("SELECT customer_name FROM mx.invoices") == "Pat Example"


def test_what_the_list_never_tells_stays_as_the_detail_told_it(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    detail = PaymentDetail(
        payment_id=1, created=NOON, amount=Decimal(5), status="Approved", invoice_ids=(7, 8), original_id=3
    )
    with warehouse.loader.merchant(MERCHANT) as tenant:
        load_payments(tenant, [a_payment(1, refunded_amount=Decimal(2))], observed_at=NOON)
        load_payment_details(tenant, [(detail, NOON + MINUTE)])
        load_payments(tenant, [a_payment(1, status="Voided")], observed_at=NOON + 2 * MINUTE)

    assert warehouse.rows("SELECT status, invoice_ids, original_payment_id FROM mx.payments") == [
        ("Voided", [7, 8], 3)
    ]


def test_a_payment_detail_does_not_unsay_the_refunded_amount(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT) as tenant:
        load_payments(tenant, [a_payment(1, refunded_amount=Decimal(2))], observed_at=NOON)
        detail = PaymentDetail(payment_id=1, created=NOON, amount=Decimal(207), status="Approved")
        load_payment_details(tenant, [(detail, NOON + MINUTE)])

    assert warehouse.value("SELECT refunded_amount FROM mx.payments") == 2


def test_an_invoice_read_again_keeps_only_its_present_lines(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    lines = tuple(Purchase(product_name=name, total_amount=Decimal(1)) for name in "abc")
    with warehouse.loader.merchant(MERCHANT) as tenant:
        load_invoice_details(tenant, [(a_detail(purchases=lines), NOON)])
        load_invoice_details(tenant, [(a_detail(purchases=lines[1:2], payments=()), NOON + MINUTE)])

    assert warehouse.rows("SELECT line, product_name FROM mx.invoice_purchases") == [(1, "b")]
    assert warehouse.rows("SELECT * FROM mx.invoice_payments") == []
    assert warehouse.value("SELECT raw_data -> 'purchases' FROM mx.invoices") == [
        {"id": 9, "productName": "Plan A ", "totalAmount": "200"}
    ]


def test_the_invoice_list_teaches_the_map(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    page = [Invoice(invoice_id=11, invoice_number=5), Invoice(invoice_id=12, invoice_number=5)]
    with warehouse.loader.merchant(MERCHANT) as tenant:
        load_invoices(tenant, page, observed_at=NOON)

    assert warehouse.rows("SELECT invoice_number, mx_invoice_id FROM mx.invoice_map ORDER BY 2") == [
        (5, 11),
        (5, 12),
    ]


def test_a_first_load_reads_no_more_for_a_row_the_more_there_are(warehouse: WarehouseUnderTest) -> None:
    """Its plans were made on empty tables, and nothing has analyzed these since."""
    warehouse.has_merchant()
    for table in ("invoice_documents", "invoice_payments", "invoice_purchases"):
        warehouse.damage(f"ALTER TABLE mx.{table} SET (autovacuum_enabled = off)")

    def read_by_loading(invoices: range) -> int:
        before = warehouse.value(READ)
        for first in invoices[::20]:
            with warehouse.loader.merchant(MERCHANT) as tenant:
                details = [(a_detail(n, invoice_number=n), NOON) for n in range(first, first + 20)]
                load_invoice_details(tenant, details)
                tenant.connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        return warehouse.value(READ) - before

    # Of a table that was never analyzed, Postgres thinks small; for these rows until it has some 50 pages.
    read_by_loading(range(1, 3001))
    read = read_by_loading(range(3001, 3401))

    assert warehouse.value("SELECT count(*) FROM mx.invoice_documents") == 3400
    assert read < 20 * 400
