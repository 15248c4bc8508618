"""The truth that the server states is what its bodies show."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import requests

from mx_pipeline_tests.synthetic_mx.conftest import Clinic

Make = Callable[..., Clinic]


def main_product(invoices: list[dict[str, Any]]) -> str | None:
    lines = [line for invoice in invoices for line in invoice["purchases"]]
    best = max(lines, key=lambda line: Decimal(line["totalAmount"]), default=None)
    return (best["productName"].strip() or None) if best else None


def links_shown(
    details: dict[int, dict[str, Any]], invoices: dict[int, dict[str, Any]]
) -> dict[int, list[int]]:
    """Which invoices each payment paid, by the evidence in the bodies alone, strongest first."""
    in_invoice = {p["id"]: i["id"] for i in invoices.values() for p in i["payments"]}

    def links(payment: dict[str, Any]) -> list[int]:
        if "invoiceIds" in payment:
            return payment["invoiceIds"]
        if payment["id"] in in_invoice:
            return [in_invoice[payment["id"]]]
        return links(details[payment["originalId"]]) if "originalId" in payment else []

    return {payment_id: links(payment) for payment_id, payment in details.items()}


@pytest.mark.parametrize("days", [0, 6])
def test_the_truth_can_be_read_from_the_bodies(clinic: Make, days: int):
    scene = clinic(payments=700)
    scene.mx.advance(days=days, merchant_id=scene.id)
    listed = {body["id"]: body for body in scene.reader.all("payment")}
    details = {body["id"]: body for body in scene.reader.details("payment", list(listed))}
    invoice_list = {body["id"]: body for body in scene.reader.all("invoice")}
    invoices = {body["id"]: body for body in scene.reader.details("invoice", list(invoice_list))}
    links = links_shown(details, invoices)

    payments_true, invoices_true = scene.truth("payment"), scene.truth("invoice")

    assert set(payments_true) == set(listed)
    for payment_id, true in payments_true.items():
        for field in ("amount", "created", "status", "type", "source", "tenderType", "refundedAmount"):
            assert true[field] == listed[payment_id][field]
        assert true["invoice"] == details[payment_id].get("invoice")
        assert true["originalId"] == details[payment_id].get("originalId")
        assert true["trueInvoiceIds"] == links[payment_id]
        assert true["productName"] == main_product([invoices[i] for i in links[payment_id]])
    assert set(invoices_true) == set(invoice_list)
    for invoice_id, true in invoices_true.items():
        for field in (
            "invoiceNumber",
            "status",
            "totalAmount",
            "subTotalAmount",
            "balance",
            "paidAmount",
            "dueDate",
        ):
            assert true[field] == invoice_list[invoice_id][field] == invoices[invoice_id][field]
        assert true["purchases"] == invoices[invoice_id]["purchases"]
        assert true["customerName"] == invoices[invoice_id]["customer"]["name"]
        assert true["paymentIds"] == [payment["id"] for payment in invoices[invoice_id]["payments"]]


def test_the_sums_of_an_invoice_follow_from_its_lines_and_payments(clinic: Make):
    scene = clinic(payments=700)
    ids = [body["id"] for body in scene.reader.all("invoice")]

    for body in scene.reader.details("invoice", ids):
        lines = sum(Decimal(line["totalAmount"]) for line in body["purchases"])
        kept = [p for p in body["payments"] if p["status"] not in {"Declined", "Voided"}]
        paid = sum(Decimal(p["amount"]) - Decimal(p.get("surchargeAmount", "0")) for p in kept)
        assert not body["purchases"] or Decimal(body["subTotalAmount"]) == lines
        assert Decimal(body["totalAmount"]) == Decimal(body["subTotalAmount"]) - Decimal(
            body["discountAmount"]
        )
        assert Decimal(body["paidAmount"]) == max(paid, Decimal(0))


def test_the_truth_is_streamed_as_lines(clinic: Make):
    scene = clinic(payments=120)

    answer = requests.get(f"{scene.mx.url}/__admin/truth/{scene.id}", timeout=10)

    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    assert len(answer.text.splitlines()) == 240


def test_a_number_alone_would_mislead(town: Clinic):
    """All-digit references of payments that paid nothing, although the number is a real invoice's."""
    numbers = {str(body["invoiceNumber"]) for body in town.truth("invoice").values()}

    misleading = [
        p for p in town.truth("payment").values() if p["invoice"] in numbers and not p["trueInvoiceIds"]
    ]

    assert {p["source"] for p in misleading} == {"API", "QuickPay"}
