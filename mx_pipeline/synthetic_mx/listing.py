"""
Pages of payments and invoices, newest first: limit, offset and the date filters (mx_api.md 2.1, 2.8, 9.A).
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from mx_pipeline.synthetic_mx import invoice_bodies, payment_bodies
from mx_pipeline.synthetic_mx.behaviour import DEFAULT_LIMIT, Behaviour
from mx_pipeline.synthetic_mx.book import Book
from mx_pipeline.synthetic_mx.merchant import Merchant
from mx_pipeline.synthetic_mx.wire_text import DAY_MS, epoch_ms, local_midnight, money

Query = Mapping[str, str]
Endpoint = Literal["payments", "invoices"]

LARGEST_NUMBER: Final = 10**9
_encoder = msgspec.json.Encoder()


class BadQueryError(ValueError):
    """A parameter that MX would refuse; the text goes into `details`."""


def payment_page(merchant: Merchant, query: Query, behaviour: Behaviour) -> bytes:
    first, last = _window(merchant, merchant.payments, query, behaviour, has_ranges=True)
    start, stop = _page(first, last, query, behaviour.payment_page_cap)
    shows_ids = behaviour.list_invoice_ids
    records = [
        payment_bodies.list_body(merchant, payment, with_invoice_ids=shows_ids)
        for payment in reversed(merchant.payments.run(start, stop))
    ]
    return _encoder.encode({"recordCount": last - first, "records": records})


def invoice_page(merchant: Merchant, query: Query, behaviour: Behaviour) -> bytes:
    """The total is the page's: what the vendor sums there is not recorded for invoices."""
    first, last = _window(merchant, merchant.invoices, query, behaviour, has_ranges=False)
    start, stop = _page(first, last, query, behaviour.invoice_page_cap)
    invoices = merchant.invoices.run(start, stop)[::-1]
    records = [invoice_bodies.list_body(merchant, invoice) for invoice in invoices]
    total = sum(invoice.total for invoice in invoices)
    return _encoder.encode(
        {"recordCount": last - first, "records": records, "totals": {"grandTotalAmount": money(total)}}
    )


def whole_list(merchant: Merchant, endpoint: Endpoint) -> list[dict[str, Any]]:
    """All rows, as the list shows them."""
    if endpoint == "payments":
        payments = merchant.payments.run(0, merchant.payments.count)[::-1]
        return [payment_bodies.list_body(merchant, payment) for payment in payments]
    invoices = merchant.invoices.run(0, merchant.invoices.count)[::-1]
    return [invoice_bodies.list_body(merchant, invoice) for invoice in invoices]


def payment_detail(merchant: Merchant, payment_id: int) -> bytes | None:
    payment = merchant.payments.find(payment_id)
    return None if payment is None else _encoder.encode(payment_bodies.detail_body(merchant, payment))


def invoice_detail(merchant: Merchant, invoice_id: int) -> bytes | None:
    invoice = merchant.invoices.find(invoice_id)
    return None if invoice is None else _encoder.encode(invoice_bodies.detail_body(merchant, invoice))


def invoice_payments(merchant: Merchant, query: Query) -> bytes | None:
    invoice = merchant.invoices.find(number(query, "id", 0))
    if invoice is None:
        return None
    records = [payment_bodies.body_in_invoice(merchant, payment) for payment in merchant.payments_of(invoice)]
    return _encoder.encode({"recordCount": len(records), "records": records})


def number(query: Query, name: str, default: int, *, largest: int | None = None) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or (largest is not None and int(text) > largest):
        raise BadQueryError(f"Error converting value \"{text[:40]}\" to type 'System.Int32'. Path '{name}'.")
    return int(text)


def _page(first: int, last: int, query: Query, cap: int) -> tuple[int, int]:
    """Positions (oldest first, half open) of the page asked for, which counts from the newest."""
    limit = min(number(query, "limit", DEFAULT_LIMIT, largest=LARGEST_NUMBER), cap)
    offset = number(query, "offset", 0, largest=LARGEST_NUMBER)
    stop = max(first, last - offset)
    return max(first, stop - limit), stop


def _window(
    merchant: Merchant, book: Book[Any], query: Query, behaviour: Behaviour, *, has_ranges: bool
) -> tuple[int, int]:
    """Positions of the records that match the query's dates."""
    first, last = 0, book.count
    if behaviour.created_filter == "equality" and "created" in query:
        start = epoch_ms(_day(query["created"], "%Y-%m-%d", "created").isoformat())
        first, last = book.position_of(start), book.position_of(start + DAY_MS)
    if has_ranges and query.get("dateType") == "Custom":
        zone = merchant.zone
        if "startDate" in query:
            day = _day(query["startDate"], "%m/%d/%Y", "startDate")
            first = max(first, book.position_of(local_midnight(zone, day.toordinal())))
        if "endDate" in query:
            day = _day(query["endDate"], "%m/%d/%Y", "endDate")
            last = min(last, book.position_of(local_midnight(zone, day.toordinal())))
    return first, max(first, last)


def _day(text: str, pattern: str, name: str) -> date:
    try:
        return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a day, not an instant
    except ValueError as error:
        raise BadQueryError(f"Could not convert string to DateTime: {text[:40]}. Path '{name}'.") from error
