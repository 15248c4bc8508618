"""Compares the whole warehouse of a merchant with what the synthetic MX knows to be true."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from mx_pipeline.synthetic_mx.handle import SyntheticMx
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest


def payments_in(warehouse: WarehouseUnderTest, merchant_id: int) -> dict[int, dict[str, Any]]:
    """What the warehouse says of each payment."""
    rows = warehouse.rows(
        """SELECT mx_payment_id AS id, amount, transaction_date, status, transaction_type, source,
                  refunded_amount, invoice_reference, product_name,
                  coalesce((SELECT array_agg(mx_invoice_id ORDER BY mx_invoice_id)
                              FROM mx.payment_invoices AS link
                             WHERE link.merchant_id = tx.merchant_id
                               AND link.mx_payment_id = tx.mx_payment_id), '{}') AS invoices
             FROM mx.transactions AS tx
            WHERE merchant_id = :merchant_id""",
        merchant_id=merchant_id,
    )
    return {row.id: dict(row._mapping) for row in rows}


def true_payments(mx: SyntheticMx, merchant_id: int) -> dict[int, dict[str, Any]]:
    """The same, as it is."""
    return {
        true["id"]: {
            "id": true["id"],
            "amount": Decimal(true["amount"]),
            "transaction_date": datetime.fromisoformat(true["created"]),
            "status": true["status"],
            "transaction_type": true["type"],
            "source": true["source"],
            "refunded_amount": Decimal(true["refundedAmount"] or 0),
            "invoice_reference": true["invoice"] or None,
            "product_name": true["productName"],
            "invoices": sorted(true["trueInvoiceIds"]),
        }
        for true in mx.truth(merchant_id)
        if true["record"] == "payment"
    }


def invoices_in(warehouse: WarehouseUnderTest, merchant_id: int) -> dict[int, dict[str, Any]]:
    """What the warehouse says of each invoice."""
    rows = warehouse.rows(
        """SELECT mx_invoice_id AS id, invoice_number, status, total_amount, balance, paid_amount
             FROM mx.invoices
            WHERE merchant_id = :merchant_id""",
        merchant_id=merchant_id,
    )
    return {row.id: dict(row._mapping) for row in rows}


def true_invoices(mx: SyntheticMx, merchant_id: int) -> dict[int, dict[str, Any]]:
    """The same, as it is."""
    return {
        true["id"]: {
            "id": true["id"],
            "invoice_number": true["invoiceNumber"],
            "status": true["status"],
            "total_amount": Decimal(true["totalAmount"]),
            "balance": Decimal(true["balance"]),
            "paid_amount": Decimal(true["paidAmount"]),
        }
        for true in mx.truth(merchant_id)
        if true["record"] == "invoice"
    }


def differences(held: dict[int, dict[str, Any]], true: dict[int, dict[str, Any]]) -> list[str]:
    """Every difference, in words; empty when all is exactly right."""
    found = [f"{mx_id} is missing" for mx_id in true.keys() - held.keys()]
    found += [f"{mx_id} should not be here" for mx_id in held.keys() - true.keys()]
    for mx_id in true.keys() & held.keys():
        found += [
            f"{mx_id}: {name} is {held[mx_id][name]!r}, should be {value!r}"
            for name, value in true[mx_id].items()
            if held[mx_id][name] != value
        ]
    return found


def linked_invoices(mx: SyntheticMx, merchant_id: int) -> list[int]:
    """The invoices that payments truly belong to: those whose own page a sync must read."""
    return sorted({mx_id for true in true_payments(mx, merchant_id).values() for mx_id in true["invoices"]})
