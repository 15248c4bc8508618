"""
What a payment or an invoice looks like once batches have closed through some instant. It changes nothing.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

from mx_pipeline.synthetic_mx.dice import mix
from mx_pipeline.synthetic_mx.facts import Invoice, Payment
from mx_pipeline.synthetic_mx.wire_text import BATCH_CLOSES_MS, DAY_MS, batch_close, day_text

KEPT: Final = frozenset({"Approved", "Settled", "Chargedback"})
"""Statuses under which the money counts towards the invoice."""


def status_of(payment: Payment, closed_through: int) -> str:
    if payment.given_status is not None:
        if payment.given_status == "Approved" and closed_through > payment.given_at:
            return "Settled"
        return payment.given_status
    if payment.fate == "declined":
        return "Declined"
    if batch_close(payment.created) > closed_through:
        return "Approved"
    if payment.fate == "voids":
        return "Voided"
    if payment.fate == "charges back" and payment.created + payment.fate_days * DAY_MS <= closed_through:
        return "Chargedback"
    return "Settled"


def batch_day(payment: Payment, closed_through: int) -> int:
    """The day, counted from the epoch, whose 23:00 UTC closed or will close this payment's batch."""
    close = batch_close(payment.created)
    if payment.given_status == "Approved" and closed_through > payment.given_at:
        close = max(close, payment.given_at + 1)
        close = batch_close(close - 1)
    return (close - BATCH_CLOSES_MS) // DAY_MS


def settled_date(payment: Payment, closed_through: int) -> str:
    """Without a zone, some hundredths after 23:00, as recorded."""
    return _closing_text(batch_day(payment, closed_through))


@lru_cache(maxsize=4096)
def _closing_text(day: int) -> str:
    hundredths = mix(day) % 200
    clock = f"23:00:{hundredths // 100:02d}"
    fraction = f"{hundredths % 100:02d}".rstrip("0")
    return f"{day_text(day)}T{clock}.{fraction}" if fraction else f"{day_text(day)}T{clock}"


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What has been paid on an invoice, in cents without surcharges, and the name of that."""

    status: str
    paid: int
    balance: int
    is_returned: bool


def standing_of(invoice: Invoice, payments: Iterable[Payment], closed_through: int, today: int) -> Standing:
    """Sales that were kept, less returns that were kept; `today` is the clinic's last midnight."""
    sold = returned = 0
    for payment in payments:
        if status_of(payment, closed_through) not in KEPT:
            continue
        if payment.base < 0:
            returned -= payment.base
        else:
            sold += payment.base
    # A payment for several invoices counts on each, but pays none of them twice.
    sold = min(sold, invoice.total)
    paid = sold - returned
    if invoice.is_cancelled and not sold:
        return Standing("Cancelled", 0, 0, is_returned=False)
    if returned and paid <= 0:
        return Standing("Refunded", 0, 0, is_returned=True)
    if returned:
        return Standing(
            "Paid" if sold >= invoice.total else "Partial",
            paid,
            max(0, invoice.total - sold),
            is_returned=False,
        )
    if paid >= invoice.total:
        return Standing("Paid", paid, 0, is_returned=False)
    if paid > 0:
        return Standing("Partial", paid, invoice.total - paid, is_returned=False)
    return Standing("PastDue" if invoice.due < today else "Unpaid", 0, invoice.total, is_returned=False)
