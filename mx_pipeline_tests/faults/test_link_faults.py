"""References that lie, invoices with none or many lines, returns that name nothing, money that comes back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT


def line(name: str, total: str) -> dict[str, Any]:
    return {"productName": name, "totalAmount": total, "price": total, "subTotalAmount": total}


def links(clinic: Clinic) -> dict[int, tuple[int | None, str | None]]:
    """Invoice and basis, or the reason why there is none."""
    rows = clinic.rows(
        "SELECT mx_payment_id, mx_invoice_id, coalesce(link_basis, unlinked_reason) FROM mx.transactions"
        " WHERE merchant_id = :m",
        m=MERCHANT,
    )
    return {mx_id: (invoice, why) for mx_id, invoice, why in rows}


def test_d15_a_reference_links_only_on_evidence(examination: Examination) -> None:
    clinic = examination.clinic()
    mine, twin_a, twin_b, other = clinic.mx.has_invoices(
        MERCHANT,
        {"invoiceNumber": 1234},
        {"invoiceNumber": 77},
        {"invoiceNumber": 77},
        {"invoiceNumber": 42, "purchases": [line("Plan B", "50")]},
    )
    honest, auto, leading, zeros, borrowed, doubtful = clinic.mx.has_payments(
        MERCHANT,
        {"source": "Recurring", "invoice": "1234", "amount": "207", "surchargeAmount": "7"},
        {"source": "QuickPay", "invoice": "Z009BQGM"},
        {"source": "API", "invoice": "500ABC1D"},
        {"source": "API", "invoice": "00000042"},
        {"source": "QuickPay", "invoice": "1234"},
        {"source": "Recurring", "invoice": "77", "trueInvoiceIds": [twin_b], "tellsInvoiceIds": True},
    )

    report = examination.sync(clinic)

    found = links(clinic)
    assert found[honest][0] == mine
    assert found[auto] == found[leading] == found[borrowed] == (None, None)
    assert found[zeros][0] is None
    assert found[doubtful] == (twin_b, "invoice_ids")
    assert other not in {invoice for invoice, _ in found.values()}
    assert twin_a not in {invoice for invoice, _ in found.values()}
    examination.is_whole(clinic, report)


def test_d16_payments_with_none_one_and_five_invoices_and_invoices_with_none_and_200_lines(
    examination: Examination,
) -> None:
    clinic = examination.clinic()
    one, empty, long, tie, *five = clinic.mx.has_invoices(
        MERCHANT,
        {"purchases": [line("Plan A", "200")]},
        {"purchases": [], "totalAmount": "10"},
        {"purchases": [line(f"Thing {n}", str(n)) for n in range(200)]},
        {"purchases": [line(" First ", "5"), line("Second", "5")]},
        *({"purchases": [line(f"Plan {n}", str(100 + n))]} for n in range(5)),
    )
    paid = clinic.mx.has_payments(
        MERCHANT,
        {"source": "QuickPay"},
        *(
            {"source": "Invoice", "invoiceIds": ids, "amount": amount, "surchargeAmount": "0"}
            for ids, amount in (
                ([one], "100"),
                ([empty], "10"),
                ([long], "19900"),
                ([tie], "10"),
                (five, "510"),
                ([one], "100"),
            )
        ),
    )

    report = examination.sync(clinic)

    products = "SELECT mx_payment_id, product_name FROM mx.transactions WHERE merchant_id = :m"
    wanted = [None, "Plan A", None, "Thing 199", "First", "Plan 4", "Plan A"]
    assert dict(map(tuple, clinic.rows(products, m=MERCHANT))) == dict(zip(paid, wanted, strict=True))
    lines = "SELECT count(*) FROM mx.invoice_purchases WHERE merchant_id = :m"
    assert clinic.rows(lines, m=MERCHANT) == [(1 + 0 + 200 + 2 + 5,)]
    examination.is_whole(clinic, report)


@pytest.mark.parametrize("trigger", [{"mode": "full"}, {"mode": "incremental"}, {"latest": 100}])
def test_d16_every_trigger_finds_the_same_product(examination: Examination, trigger: dict[str, Any]) -> None:
    clinic = examination.clinic()
    invoices = clinic.mx.has_invoices(
        MERCHANT, *({"purchases": [line(f"Plan {n}", "5"), line("Extra", "5")]} for n in range(3))
    )
    clinic.mx.has_payments(
        MERCHANT,
        {"source": "Invoice", "invoiceIds": invoices[::-1], "amount": "30", "surchargeAmount": "0"},
    )

    examination.sync(clinic, **trigger)

    assert clinic.rows("SELECT product_name FROM mx.transactions WHERE merchant_id = :m", m=MERCHANT) == [
        ("Plan 2",)
    ]
    assert clinic.differences() == []


def test_d16b_a_return_inherits_or_is_listed_and_is_never_counted_twice(examination: Examination) -> None:
    clinic = examination.clinic()
    (invoice,) = clinic.mx.has_invoices(MERCHANT, {"purchases": [line("Plan A", "200")]})
    (sale,) = clinic.mx.has_payments(
        MERCHANT, {"source": "Invoice", "invoiceIds": [invoice], "amount": "207", "surchargeAmount": "7"}
    )
    linked, alone = clinic.mx.has_payments(
        MERCHANT,
        {"type": "Return", "originalId": sale, "source": "Invoice", "amount": "-207", "surchargeAmount": "-7",
         "without": ["invoice"]},
        {"type": "Return", "source": "API", "amount": "-20", "without": ["invoice"]},
    )  # fmt: skip

    report = examination.sync(clinic)

    found = links(clinic)
    assert found[linked] == (invoice, "original_payment")
    assert found[alone] == (None, "return_names_nothing")
    examination.is_whole(clinic, report)
    # Money back is counted by the return's own row; refundedAmount on the sale says the same once more.
    assert clinic.rows(
        "SELECT sum(amount), sum(refunded_amount) FROM mx.transactions WHERE merchant_id = :m", m=MERCHANT
    ) == [(Decimal("-20"), Decimal("207"))]


def test_d17_amount_surcharge_and_refunds_are_exact_through_every_turn(examination: Examination) -> None:
    clinic = examination.clinic()
    sales = clinic.mx.has_payments(
        MERCHANT, *({"source": "QuickPay", "amount": "207", "surchargeAmount": "7"} for _ in range(6))
    )
    examination.sync(clinic)
    partial, over, voided, charged_back, reversed_again, _ = sales
    clinic.mx.has_payments(
        MERCHANT,
        {"type": "Return", "originalId": partial, "amount": "-51.75", "surchargeAmount": "-1.75"},
        {"type": "Return", "originalId": over, "amount": "-300", "surchargeAmount": "0"},
    )
    clinic.mx.change_payment(MERCHANT, voided, status="Voided")
    clinic.mx.change_payment(MERCHANT, charged_back, status="Chargedback")
    clinic.mx.change_payment(MERCHANT, reversed_again, status="Chargedback")
    examination.sync(clinic)
    clinic.mx.change_payment(MERCHANT, reversed_again, status="Settled")

    report = examination.sync(clinic)

    examination.is_whole(clinic, report)
    ledger = clinic.rows(
        "SELECT mx_payment_id, status_before, status, refunded_amount FROM mx.payment_history"
        " WHERE merchant_id = :m ORDER BY change_id",
        m=MERCHANT,
    )
    assert [row[2] for row in ledger if row[0] == reversed_again] == ["Chargedback", "Settled"]
    assert {row[0]: row[3] for row in ledger}[over] == Decimal("300")
    assert clinic.rows(
        "SELECT sum(amount), sum(surcharge_amount), sum(refunded_amount) FROM mx.transactions WHERE merchant_id = :m",
        m=MERCHANT,
    ) == [(Decimal("890.25"), Decimal("40.25"), Decimal("351.75"))]
