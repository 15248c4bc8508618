"""
Another day at the clinic: batches close, money goes back, late bills are paid, new payments arrive.
"""

from typing import Final

import msgspec

from mx_pipeline.synthetic_mx.dice import dice_for
from mx_pipeline.synthetic_mx.facts import Payment
from mx_pipeline.synthetic_mx.fate import status_of
from mx_pipeline.synthetic_mx.merchant import Merchant
from mx_pipeline.synthetic_mx.people import person
from mx_pipeline.synthetic_mx.returns import linked_return
from mx_pipeline.synthetic_mx.wire_text import SECOND_MS, surcharge

REFUNDS_PER_ARRIVAL: Final = 0.01
LATE_PAYMENTS_PER_ARRIVAL: Final = 0.02
LOOK_BACK_DAYS: Final = 30
TRIES: Final = 12
"""Records looked at for each refund or late payment wanted; a day may find none."""


def advance_one_day(merchant: Merchant) -> None:
    """Deterministic in the merchant, its day and what was done to it before."""
    merchant.today += 1
    merchant.close_batches()
    is_before = (
        not merchant.timeline.count
        or merchant.timeline.created(merchant.timeline.count - 1) < merchant.midnight
    )
    if merchant.arrivals_per_day and is_before:
        refunds = _refundable(merchant)
        late = _payable(merchant)
        first = merchant.timeline.count + merchant.arrivals_per_day
        reserved = len(refunds) + len(late)
        merchant.timeline.add(
            merchant.arrivals_per_day + reserved, first_day=merchant.today, reserved=reserved
        )
        for place, original_id in enumerate(refunds, first):
            _refund(merchant, place, original_id)
        for place, invoice_id in enumerate(late, first + len(refunds)):
            _pay_late(merchant, place, invoice_id)
    merchant.payments.recount()
    merchant.invoices.recount()
    merchant.changed()


def receive(merchant: Merchant, payments: int) -> None:
    """So many payments, each with its invoice, newer than all there are."""
    merchant.timeline.add(payments, first_day=merchant.today, burst_from=merchant.latest + 2 * SECOND_MS)
    merchant.payments.recount()
    merchant.invoices.recount()
    merchant.changed()


def _recent_places(merchant: Merchant, purpose: int) -> list[int]:
    count = merchant.timeline.count
    span = min(count, merchant.arrivals_per_day * LOOK_BACK_DAYS)
    roll = dice_for(merchant.seed, merchant.today, purpose).random
    return [
        count - 1 - int(roll() * span) for _ in range(TRIES * _wanted(merchant, LATE_PAYMENTS_PER_ARRIVAL))
    ]


def _wanted(merchant: Merchant, rate: float) -> int:
    return max(1, int(merchant.arrivals_per_day * rate))


def _refundable(merchant: Merchant) -> list[int]:
    """Settled sales of the last weeks of which nothing was given back yet."""
    found: list[int] = []
    for place in _recent_places(merchant, 11):
        payment = merchant.payments.find(merchant.timeline.payment_id(place))
        if payment is None or payment.id in found or payment.type != "Sale" or payment.refunded:
            continue
        if status_of(payment, merchant.closed_through) == "Settled":
            found.append(payment.id)
        if len(found) == _wanted(merchant, REFUNDS_PER_ARRIVAL):
            break
    return found


def _payable(merchant: Merchant) -> list[int]:
    """Invoices of the last weeks that nobody paid."""
    found: list[int] = []
    for place in _recent_places(merchant, 12):
        invoice = merchant.invoices.find(merchant.timeline.invoice_id(place))
        if invoice is None or invoice.id in found:
            continue
        if merchant.standing(invoice).status in {"Unpaid", "PastDue"} and invoice.total > 0:
            found.append(invoice.id)
        if len(found) == _wanted(merchant, LATE_PAYMENTS_PER_ARRIVAL):
            break
    return found


def _reserved(merchant: Merchant, place: int) -> Payment:
    payment = merchant.payments.find(merchant.timeline.payment_id(place))
    assert payment is not None
    return msgspec.structs.replace(payment)


def _refund(merchant: Merchant, place: int, original_id: int) -> None:
    original = merchant.payments.find(original_id)
    assert original is not None
    payment = _reserved(merchant, place)
    base = original.base if payment.salt & 1 else max(1, original.base // 2)
    linked_return(payment, original, base=base, refers=bool(payment.salt >> 1 & 3))
    merchant.payments.put(payment)
    merchant.payments.put(msgspec.structs.replace(original, refunded=original.refunded - payment.amount))
    if payment.reference is not None:
        for invoice_id in payment.invoice_ids:
            add_payment_to_invoice(merchant, invoice_id, payment.id)


def _pay_late(merchant: Merchant, place: int, invoice_id: int) -> None:
    invoice = merchant.invoices.find(invoice_id)
    assert invoice is not None
    payment = _reserved(merchant, place)
    payment.source, payment.type, payment.customer = "Invoice", "Sale", invoice.customer
    payment.base = invoice.total
    payment.surcharge = surcharge(payment.base)
    payment.tax = payment.base * 412 // 10_000
    payment.reference = payment.client_reference = str(invoice.number)
    payment.customer_code = person(merchant.seed, invoice.customer).code
    payment.invoice_ids, payment.tells_invoice_ids = (invoice.id,), True
    merchant.payments.put(payment)
    add_payment_to_invoice(merchant, invoice_id, payment.id)


def add_payment_to_invoice(merchant: Merchant, invoice_id: int, payment_id: int) -> None:
    invoice = merchant.invoices.find(invoice_id)
    if invoice is not None and payment_id not in invoice.payment_ids:
        merchant.invoices.put(
            msgspec.structs.replace(invoice, payment_ids=(*invoice.payment_ids, payment_id))
        )
