"""
Verbs to arrange a scene: place, change and remove single payments and invoices, in MX's own field names.
"""

from typing import Any, Final, cast

import msgspec

from mx_pipeline.synthetic_mx.advancing import add_payment_to_invoice
from mx_pipeline.synthetic_mx.arranged import WITHOUT
from mx_pipeline.synthetic_mx.dice import mix
from mx_pipeline.synthetic_mx.facts import Payment
from mx_pipeline.synthetic_mx.merchant import Merchant
from mx_pipeline.synthetic_mx.people import person
from mx_pipeline.synthetic_mx.returns import linked_return, unlinked_return
from mx_pipeline.synthetic_mx.wire_text import cents, epoch_ms, surcharge

Fields = dict[str, Any]

TRUE_INVOICE_IDS: Final = "trueInvoiceIds"
TELLS_INVOICE_IDS: Final = "tellsInvoiceIds"
CUSTOMER: Final = "customer"
NOT_SHOWN: Final = frozenset({TRUE_INVOICE_IDS, TELLS_INVOICE_IDS, CUSTOMER, "id"})
"""Ours, not MX's: what is true although no body says it; and the key."""
DEFAULT_BASE: Final = 20_000
GAP_MS: Final = 61_040


def place_payment(merchant: Merchant, fields: Fields) -> int:
    """A sale of 200 plus surcharge, a minute after the newest payment, unless the fields say otherwise."""
    payment_id = int(fields.get("id") or merchant.fresh_payment_id())
    if merchant.payments.find(payment_id) is not None:
        raise ValueError(f"payment {payment_id} is there already: change it with PATCH")
    salt = mix(payment_id, merchant.seed)
    invoice_linked = bool(fields.get("invoiceIds") or fields.get(TRUE_INVOICE_IDS))
    payment = Payment(
        id=payment_id,
        created=merchant.latest + GAP_MS,
        customer=int(fields.get(CUSTOMER, salt % 12)),
        salt=salt,
        source="Recurring" if invoice_linked or str(fields.get("invoice", "")).isdigit() else "QuickPay",
        base=DEFAULT_BASE,
        surcharge=surcharge(DEFAULT_BASE),
        tax=DEFAULT_BASE * 412 // 10_000,
        given_at=merchant.closed_through,
    )
    payment.customer_code = person(merchant.seed, payment.customer).code
    original = merchant.payments.find(int(fields["originalId"])) if fields.get("originalId") else None
    if original is not None and fields.get("type", "Return") == "Return":
        linked_return(payment, original, base=original.base, refers=True)
        _understand(merchant, payment, fields)
        if payment.fate != "declined":
            refunded = original.refunded - min(0, payment.amount)
            merchant.payments.put(msgspec.structs.replace(original, refunded=refunded))
    else:
        if fields.get("type") == "Return":
            unlinked_return(payment)
        _understand(merchant, payment, fields)
    _link(merchant, payment)
    merchant.payments.put(payment)
    merchant.changed()
    return payment_id


def change_payment(merchant: Merchant, payment_id: int, fields: Fields) -> None:
    current = merchant.payments.find(payment_id)
    if current is None:
        raise KeyError(payment_id)
    payment = msgspec.structs.replace(current, given_at=merchant.closed_through)
    _understand(merchant, payment, fields)
    _unlink(merchant, current, kept=payment.invoice_ids)
    _link(merchant, payment)
    merchant.payments.put(payment)
    merchant.changed()


def remove_payment(merchant: Merchant, payment_id: int) -> None:
    current = merchant.payments.find(payment_id)
    if current is None:
        raise KeyError(payment_id)
    _unlink(merchant, current, kept=())
    merchant.payments.remove(payment_id)
    merchant.changed()


def _understand(merchant: Merchant, payment: Payment, fields: Fields) -> None:
    """Move into the facts what the fields mean, and keep the rest to be shown as given."""
    shown = {**(payment.shown or {}), **{k: v for k, v in fields.items() if k not in NOT_SHOWN}}
    if isinstance(fields.get("created"), str):
        payment.created = epoch_ms(fields["created"])
    for field, fact in (("source", "source"), ("type", "type"), ("tenderType", "tender")):
        if isinstance(fields.get(field), str):
            setattr(payment, fact, fields[field])
    if isinstance(fields.get("status"), str):
        payment.given_status = shown.pop("status")
        payment.fate = "declined" if payment.given_status == "Declined" else "settles"
    _understand_money(payment, fields)
    if isinstance(fields.get("refundedAmount"), str):
        payment.refunded = cents(shown.pop("refundedAmount"))
    if "originalId" in fields:
        payment.original_id = int(fields["originalId"]) if fields["originalId"] else None
    _understand_invoices(merchant, payment, fields)
    if _is_ids(fields.get("invoiceIds")):
        shown.pop("invoiceIds")
    payment.shown = shown or None


def _understand_money(payment: Payment, fields: Fields) -> None:
    if payment.tender != "Card" and "surchargeAmount" not in fields:
        payment.surcharge = None
    if "amount" not in fields:
        return
    try:
        amount = cents(fields["amount"])
        extra = cents(fields["surchargeAmount"]) if fields.get("surchargeAmount") else None
    except (ValueError, ArithmeticError):
        return  # shown as given: a scene may want an amount that is no amount
    if extra is None and payment.surcharge is not None:
        likely = round(amount / 1.035)
        fits = [base for base in (likely - 1, likely, likely + 1) if base + surcharge(base) == amount]
        extra = surcharge(fits[0]) if fits else None
    payment.base, payment.surcharge = amount - (extra or 0), extra
    if payment.tax is not None:
        payment.tax = payment.base * 412 // 10_000


def _understand_invoices(merchant: Merchant, payment: Payment, fields: Fields) -> None:
    if _is_ids(fields.get("invoiceIds")):
        payment.invoice_ids = tuple(fields["invoiceIds"])
        payment.tells_invoice_ids = bool(payment.invoice_ids)
    elif isinstance(fields.get("invoice"), str) and payment.source in {"Recurring", "Invoice"}:
        # A number of one invoice placed by hand means that invoice.
        named = merchant.placed_numbers.get(int(fields["invoice"]), []) if fields["invoice"].isdigit() else []
        if len(named) == 1:
            payment.invoice_ids = (named[0],)
            payment.tells_invoice_ids = payment.type != "Return"
    if _is_ids(fields.get(TRUE_INVOICE_IDS)):
        payment.invoice_ids = tuple(fields[TRUE_INVOICE_IDS])
    if TELLS_INVOICE_IDS in fields:
        payment.tells_invoice_ids = bool(fields[TELLS_INVOICE_IDS])
    if "invoice" in fields.get(WITHOUT, ()):
        payment.reference = None
    elif isinstance(fields.get("invoice"), str):
        payment.reference = fields["invoice"]
    elif payment.reference is None:
        invoice = merchant.invoices.find(payment.invoice_ids[0]) if payment.invoice_ids else None
        payment.reference = str(invoice.number) if invoice is not None else f"B{payment.salt & 0xFFFFFFF:07X}"


def _is_ids(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, int) for item in cast("list[Any]", value))


def _link(merchant: Merchant, payment: Payment) -> None:
    if payment.type == "Return" and payment.reference is None:
        return  # nothing but its originalId tells what it gave back
    for invoice_id in payment.invoice_ids:
        add_payment_to_invoice(merchant, invoice_id, payment.id)


def _unlink(merchant: Merchant, payment: Payment, *, kept: tuple[int, ...]) -> None:
    for invoice_id in payment.invoice_ids:
        invoice = merchant.invoices.find(invoice_id)
        if invoice is not None and invoice_id not in kept:
            rest = tuple(other for other in invoice.payment_ids if other != payment.id)
            merchant.invoices.put(msgspec.structs.replace(invoice, payment_ids=rest))
