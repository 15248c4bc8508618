"""
What a perfect client would know of a merchant, record by record. It reads the ledger, never a body's text.
"""

from collections.abc import Iterator
from typing import Any, Final

from mx_pipeline.synthetic_mx.facts import Invoice, Payment
from mx_pipeline.synthetic_mx.fate import status_of
from mx_pipeline.synthetic_mx.invoice_bodies import product_of_all, purchases_of, quantity_of
from mx_pipeline.synthetic_mx.merchant import Merchant
from mx_pipeline.synthetic_mx.people import person
from mx_pipeline.synthetic_mx.wire_text import instant, money

Truth = dict[str, Any]

RUN: Final = 1_000
"""Records computed at a time."""


def truth_of(merchant: Merchant) -> Iterator[Truth]:
    """First all payments, then all invoices, oldest first; each says what it is under `record`."""
    for start in range(0, merchant.payments.count, RUN):
        for payment in merchant.payments.run(start, start + RUN):
            yield payment_truth(merchant, payment)
    for start in range(0, merchant.invoices.count, RUN):
        for invoice in merchant.invoices.run(start, start + RUN):
            yield invoice_truth(merchant, invoice)


def payment_truth(merchant: Merchant, payment: Payment) -> Truth:
    shown = payment.shown or {}
    invoices = [found for i in payment.invoice_ids if (found := merchant.invoices.find(i)) is not None]
    return {
        "record": "payment",
        "id": payment.id,
        "amount": shown.get("amount", money(payment.amount)),
        "surchargeAmount": money(payment.surcharge or 0),
        "tax": shown.get("tax", money(payment.tax or 0)),
        "created": shown.get("created", instant(payment.created)),
        "status": shown.get("status", status_of(payment, merchant.closed_through)),
        "type": payment.type,
        "source": payment.source,
        "tenderType": payment.tender,
        "refundedAmount": shown.get("refundedAmount", money(payment.refunded)),
        "invoice": shown.get("invoice", payment.reference),
        "originalId": payment.original_id,
        "trueInvoiceIds": [invoice.id for invoice in invoices],
        "linkEvidence": _evidence(payment, invoices),
        "productName": product_of_all(invoices),
    }


def _evidence(payment: Payment, invoices: list[Invoice]) -> str | None:
    """The strongest sign in the bodies that these are its invoices."""
    if not invoices:
        return None
    if payment.tells_invoice_ids:
        return "invoiceIds"
    if any(payment.id in invoice.payment_ids for invoice in invoices):
        return "payments"
    return "originalId" if payment.original_id is not None else None


def invoice_truth(merchant: Merchant, invoice: Invoice) -> Truth:
    shown = invoice.shown or {}
    standing = merchant.standing(invoice)
    return {
        "record": "invoice",
        "id": invoice.id,
        "invoiceNumber": invoice.number,
        "status": shown.get("status", standing.status),
        "totalAmount": shown.get("totalAmount", money(invoice.total)),
        "subTotalAmount": shown.get("subTotalAmount", money(invoice.subtotal)),
        "discountAmount": shown.get("discountAmount", money(invoice.discount)),
        "balance": shown.get("balance", money(standing.balance)),
        "paidAmount": shown.get("paidAmount", money(standing.paid)),
        "quantity": shown.get("quantity", str(quantity_of(invoice))),
        "customerName": shown.get("customerName") or person(merchant.seed, invoice.customer).name,
        "created": shown.get("created", instant(invoice.created)),
        "invoiceDate": shown.get("invoiceDate", instant(invoice.day_start)),
        "dueDate": shown.get("dueDate", instant(invoice.due)),
        "paymentIds": list(invoice.payment_ids),
        "purchases": purchases_of(invoice),
        "productName": product_of_all([invoice]),
    }
