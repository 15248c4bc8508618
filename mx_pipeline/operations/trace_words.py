"""A payment's trace in sentences, for a person who has to explain a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mx_pipeline.operations.printing import one_line

if TYPE_CHECKING:
    from datetime import datetime

    from mx_pipeline.warehouse.tracing import Row, Trace

MAIN_PRODUCT_RULE = (
    "the line with the strictly greatest totalAmount; the first wins ties; its name is trimmed"
)

WHY_NOT_LINKED = {
    "invoice_not_read": "MX names an invoice on it, and that invoice could not be read yet",
    "original_not_here": "it gives back a payment that is not stored here",
    "return_names_nothing": "it is a return, and its own page names neither an invoice nor the payment it gives back",
    "original_not_sought": "it is a return, and its own page has not been asked yet for what it gives back",
    "payment_names_no_invoice": "its own page was asked, and names no invoice",
    "number_not_unique": "several invoices carry its number, and nothing else tells which is meant",
    "number_proves_nothing": "one invoice carries its number, which alone proves nothing: who wrote the number, the "
    "amount or the invoice's own payments speak against it",
    "number_not_in_invoice_list": "no invoice in MX's whole list carries its number",
    "number_not_sought": "its number has not been sought in MX's invoice list yet",
}
CATEGORY_FROM = {
    "override": "by hand",
    "exact_name": "by the product's exact name",
    "rule": "by rule {category_rule_id}",
    "suggestion": "as the model suggested, {category_confidence:.0%} sure",
    "none": "no name, rule or suggestion fits",
}


def in_words(found: Trace) -> Iterator[str]:
    """Line by line."""
    yield f"payment {found.payment_id} of merchant {found.merchant_id}"
    payment = found.payment
    if payment is None:
        yield "  never taken in: no row of it is stored"
    else:
        kind = " ".join(str(payment[name]) for name in ("source", "type") if payment[name])
        yield f"  made {_at(payment['created'])}: {payment['amount']} {payment['status']}{kind and f' ({kind})'}"
        yield f"  first seen {_at(payment['first_seen_at'])} {_by(found, payment['first_seen_at'])}"
        yield from _changes(found)
        yield from _kept_pages(found)
        yield from _links(found)
        yield from _product(found)
    for held in found.set_aside:
        state = "still there" if held["released_at"] is None else f"let go {_at(held['released_at'])}"
        yield (
            f"  in quarantine since {_at(held['first_seen_at'])} ({held['attempts']} tries, {state}): {held['reason']}"
        )


def why_linked(found: Trace, invoice: Row) -> str:
    """What speaks for this invoice."""
    payment: Any = found.payment
    match invoice["basis"]:
        case "invoice_ids":
            also = ", and the invoice names the payment too" if invoice["names_the_payment"] else ""
            return f"MX names the invoice on the payment itself{also}"
        case "invoice_payments":
            return "the invoice names this payment among its own payments"
        case "original_payment":
            return f"it gives back payment {payment['original_payment_id']}, which paid this invoice"
        case _:
            fits = "a return's amount need not fit" if payment["type"] == "Return" else "the amounts fit"
            return (
                f"MX wrote its number {payment['invoice_number']}, no other invoice carries that, and {fits} "
                f"({payment['amount']}, of it {payment['surcharge_amount'] or 0} surcharge; "
                f"the invoice {invoice['total_amount']})"
            )


def why_not_linked(found: Trace) -> str:
    """Why there is no invoice; also where there should be none."""
    payment: Any = found.payment
    if payment["has_invoice"] is None:
        return "its links have not been derived yet: the sync that brought it stopped before that"
    reason = payment["unlinked_reason"]
    if reason is None:
        made_up = ": QuickPay makes its references up" if payment["source"] == "QuickPay" else ""
        return f"it stands alone, nothing on it points to an invoice{made_up}"
    number = f" (number {payment['invoice_number']})" if payment["invoice_number"] else ""
    return WHY_NOT_LINKED[reason] + number


def _changes(found: Trace) -> Iterator[str]:
    payment: Any = found.payment
    for change in found.history:
        what = ", ".join(
            f"{name.replace('_', ' ')} {_known(change[f'{name}_before'])} -> {_known(change[name])}"
            for name in ("amount", "status", "refunded_amount", "settled_amount")
            if change[f"{name}_before"] != change[name]
        )
        yield f"  changed {_at(change['changed_at'])} {_by(found, change['changed_at'])}: {what}"
    if not found.history:
        yield "  never changed in amount, status, refunded or settled amount since"
    if payment["vanished_at"]:
        yield f"  no longer listed by MX: noticed {_at(payment['vanished_at'])} {_by(found, payment['vanished_at'])}"


def _kept_pages(found: Trace) -> Iterator[str]:
    for run in {run["run_id"]: run for run in found.runs.values()}.values():
        for number, page in enumerate(found.pages.get(run["run_id"], ()), 1):
            if number == 1:
                yield f"  run {run['run_id']} stopped ({run['outcome']}) and kept these whole pages:"
            mine = ", this payment among them" if page["has_this_payment"] else ""
            yield (
                f"    {number}. {_at(page['at'])}: {page['new_payments']} new and {page['changed_payments']} changed, "
                f"made {_at(page['oldest'])} to {_at(page['newest'])}{mine}"
            )


def _links(found: Trace) -> Iterator[str]:
    for invoice in found.invoices:
        yield (
            f"  linked to invoice {invoice['mx_invoice_id']} (number {invoice['invoice_number']}), "
            f"basis {invoice['basis']}: {why_linked(found, invoice)}"
        )
    if not found.invoices:
        yield f"  not linked: {why_not_linked(found)}"


def _product(found: Trace) -> Iterator[str]:
    payment: Any = found.payment
    if found.lines:
        product = one_line(payment["product_name"] or "none, the line has no name")
        yield f"  product: {product} ({MAIN_PRODUCT_RULE})"
    for place, line in enumerate(found.lines):
        verdict = "won " if place == 0 else "lost"
        name = one_line(line["product_name"] or "without a name")
        yield f"    {verdict} {line['total_amount']} {name} (invoice {line['mx_invoice_id']}, line {line['line']})"
    source = payment["category_source"]
    if source:
        words = CATEGORY_FROM[source].format_map(payment)
        by, at = payment["category_decided_by"], payment["category_decided_at"]
        who = f", {by or 'nobody known'} at {_at(at)}" if at else ""
        yield f"  category: {one_line(payment['product_category'])} ({words}{who})"
    for change in found.categories:
        before, after = (one_line(change[name] or "none") for name in ("category_before", "category"))
        whose = f" ({change['source']})" if change["source"] else ""
        yield f"    {_at(change['changed_at'])}: {before} became {after}{whose}"


def _by(found: Trace, at: datetime) -> str:
    run = found.runs.get(at)
    if run is None:
        return "by no run that is recorded"
    asked = f", asked through {run['asked_through']} by {run['asked_by']}" if run["asked_through"] else ""
    ended = run["outcome"] or "under way"
    return f"by run {run['run_id']} ({run['mode']}, {ended}{asked})"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _known(value: object) -> object:
    return "unknown" if value is None else value
