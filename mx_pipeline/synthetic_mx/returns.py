"""
Money that goes back: a return that names its original, and one that names nothing. It does not decide which.
"""

from typing import Final

from mx_pipeline.synthetic_mx.facts import Payment
from mx_pipeline.synthetic_mx.wire_text import surcharge

REPEATED_REFUND: Final = 99
"""The decline that a refund of something already refunded gets (responseCode 306)."""


def linked_return(payment: Payment, original: Payment, *, base: int, refers: bool) -> None:
    """Make this payment a return of that one; without `refers` it names no invoice at all."""
    payment.type, payment.source, payment.fate = "Return", "Invoice", "settles"
    payment.tender, payment.customer = original.tender, original.customer
    payment.base = -base
    payment.surcharge = surcharge(-base) if original.surcharge is not None else None
    payment.tax = None
    payment.original_id = original.id
    payment.invoice_ids = original.invoice_ids
    payment.tells_invoice_ids = False
    payment.reference = original.reference if refers else None
    payment.client_reference = payment.customer_code = None


def unlinked_return(payment: Payment) -> None:
    """Money given back through QuickPay, with no trace of what for."""
    payment.type, payment.source = "Return", "QuickPay"
    payment.base = -payment.base
    payment.tax = -(-payment.base * 412 // 10_000)
    payment.surcharge = None
