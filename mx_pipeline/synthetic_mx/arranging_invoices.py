"""
Verbs to arrange a scene: place, change and remove single invoices, in MX's own field names.
"""

from typing import Any, Final, cast

import msgspec

from mx_pipeline.synthetic_mx.dice import mix
from mx_pipeline.synthetic_mx.facts import Invoice, Line
from mx_pipeline.synthetic_mx.invoice_bodies import purchase_body
from mx_pipeline.synthetic_mx.merchant import Merchant
from mx_pipeline.synthetic_mx.wire_text import cents, epoch_ms, local_day, local_midnight

Fields = dict[str, Any]

FIRST_PLACED_NUMBER: Final = 501
DEFAULT_LINE: Final = Line("Plan A - Plan A", "Plan A", 700_003, 1, 20_000, 20_000)
GAP_MS: Final = 60_500
CUSTOMER: Final = "customer"
NOT_SHOWN: Final = frozenset({CUSTOMER, "id", "invoiceNumber"})


def place_invoice(merchant: Merchant, fields: Fields) -> int:
    """One unpaid "Plan A" of 200, created now, unless the fields say otherwise; payments may follow."""
    invoice_id = int(fields.get("id") or merchant.fresh_invoice_id())
    if merchant.invoices.find(invoice_id) is not None:
        raise ValueError(f"invoice {invoice_id} is there already: change it with PATCH")
    salt = mix(invoice_id, merchant.seed)
    invoice = Invoice(
        id=invoice_id,
        created=merchant.latest + GAP_MS + len(merchant.placed_numbers),
        customer=int(fields.get(CUSTOMER, salt % 12)),
        salt=salt | 31 | 1 << 11 | 1 << 15 | 1 << 19 | 1 << 27,
        number=int(fields.get("invoiceNumber") or FIRST_PLACED_NUMBER + len(merchant.placed_numbers)),
        lines=(DEFAULT_LINE,),
        subtotal=DEFAULT_LINE.total,
        discount=0,
        due=0,
        day_start=0,
    )
    _understand(merchant, invoice, fields)
    merchant.placed_numbers.setdefault(invoice.number, []).append(invoice_id)
    merchant.invoices.put(invoice)
    merchant.changed()
    return invoice_id


def change_invoice(merchant: Merchant, invoice_id: int, fields: Fields) -> None:
    current = merchant.invoices.find(invoice_id)
    if current is None:
        raise KeyError(invoice_id)
    invoice = msgspec.structs.replace(current)
    if "invoiceNumber" in fields:
        invoice.number = int(fields["invoiceNumber"])
    _understand(merchant, invoice, fields)
    merchant.invoices.put(invoice)
    merchant.changed()


def remove_invoice(merchant: Merchant, invoice_id: int) -> None:
    merchant.invoices.remove(invoice_id)
    for known in merchant.placed_numbers.values():
        if invoice_id in known:
            known.remove(invoice_id)
    merchant.changed()


def _understand(merchant: Merchant, invoice: Invoice, fields: Fields) -> None:
    shown = {**(invoice.shown or {}), **{k: v for k, v in fields.items() if k not in NOT_SHOWN}}
    if isinstance(fields.get("created"), str):
        invoice.created = epoch_ms(fields["created"])
    if not invoice.day_start or "created" in fields:
        invoice.day_start = invoice.due = local_midnight(
            merchant.zone, local_day(merchant.zone, invoice.created)
        )
    if isinstance(fields.get("dueDate"), str):
        invoice.due = epoch_ms(fields["dueDate"])
    purchases = fields.get("purchases")
    if isinstance(purchases, list):
        shown["purchases"] = _with_defaults(invoice, cast("list[Fields]", purchases))
        invoice.subtotal = sum(_cents_or_0(line.get("totalAmount")) for line in shown["purchases"])
        invoice.discount = 0
    if "totalAmount" in fields:
        invoice.subtotal, invoice.discount = _cents_or_0(fields["totalAmount"]), 0
        if purchases is None and "purchases" not in shown and invoice.lines == (DEFAULT_LINE,):
            line = msgspec.structs.replace(DEFAULT_LINE, price=invoice.subtotal, total=invoice.subtotal)
            invoice.lines = (line,)
    if isinstance(fields.get("status"), str):
        invoice.is_cancelled = fields["status"] == "Cancelled"
    invoice.shown = shown or None


def _with_defaults(invoice: Invoice, purchases: list[Fields]) -> list[Fields]:
    """Each line as given; what it leaves out is taken from a "Plan A" of its own total."""
    lines: list[Fields] = []
    for spot, given in enumerate(purchases):
        total = _cents_or_0(given.get("totalAmount", "200"))
        line = msgspec.structs.replace(DEFAULT_LINE, price=total, total=total)
        lines.append({**purchase_body(line, invoice.id * 10 + spot, invoice.created + 1), **given})
    return lines


def _cents_or_0(text: object) -> int:
    try:
        return cents(text)
    except (ValueError, ArithmeticError):
        return 0
