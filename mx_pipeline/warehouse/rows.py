"""Turns records into the JSON that one merge unpacks, and gives each record its content hash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec

from mx_pipeline.records import Invoice, InvoiceDetail, Payment, PaymentDetail, RefusedRecord

HASH_BYTES = 8
"""A record is compared with its own last state only: 64 bits miss one change in 10^19."""

PAYMENT_COLUMNS = (
    "id",
    "created",
    "amount",
    "status",
    "type",
    "source",
    "tenderType",
    "invoice",
    "invoiceIds",
    "refundedAmount",
    "settledAmount",
    "surchargeAmount",
    "tax",
    "customerName",
    "customerCode",
    "originalId",
)
"""Payment fields with a column of their own; what remains is the payload."""
PAYMENT_DETAIL_FIELDS = ("batchId", "replayId", "originalAmount", "balance")
"""What only a payment's own page tells and no column holds."""

Row = dict[str, Any]

_encode = msgspec.json.Encoder().encode
# Amounts are text in the API and stay text; a JSON number inside a purchase line stays a number.
_encode_row = msgspec.json.Encoder(decimal_format="number").encode


def content_hash(record: msgspec.Struct) -> int:
    """A signed 64-bit hash over all declared fields of a record."""
    return _hash(_encode(record))


def _hash(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=HASH_BYTES).digest(), "big", signed=True)


def page_json(rows: Sequence[Row]) -> str:
    """The page as one JSON parameter."""
    return _encode_row(rows).decode()


def json(value: Mapping[str, object]) -> str:
    """A small object as one JSON parameter."""
    return _encode_row(value).decode()


def payment_row(payment: Payment, hashed: int) -> Row:
    """One element of the page of `merge_payments`."""
    told = msgspec.to_builtins(payment)
    row = {key: told.pop(key) for key in PAYMENT_COLUMNS if key in told}
    told.pop("merchantId", None)
    return {**row, "hash": hashed, "payload": told}


def payment_detail_row(payment: PaymentDetail, observed_at: datetime) -> Row:
    """One element of the page of `merge_payment_details`."""
    row = payment_row(payment, content_hash(payment))
    payload: Row = row["payload"]
    detail = {key: payload.pop(key) for key in PAYMENT_DETAIL_FIELDS if key in payload}
    return {**row, "detail": detail, "observed_at": observed_at}


def invoices_json(invoices: Iterable[tuple[Invoice, int]]) -> str:
    """The page of `merge_invoices` as one JSON parameter: each record as it is, and its hash."""
    rows = (f'{{"hash":{hashed},{_encode(invoice)[1:].decode()}' for invoice, hashed in invoices)
    return f"[{','.join(rows)}]"


def invoice_details_json(details: Sequence[tuple[InvoiceDetail, datetime]]) -> str:
    """The page of `merge_invoice_details` as one JSON parameter; each record is written once, for its hash, too."""
    return f"[{','.join(_invoice_detail(invoice, observed_at) for invoice, observed_at in details)}]"


def _invoice_detail(invoice: InvoiceDetail, observed_at: datetime) -> str:
    told = _encode(msgspec.structs.replace(invoice, purchases_as_sent=()))
    sent = _encode_row(invoice.purchases_as_sent)
    return (
        f'{{"hash":{_hash(told + sent)},"observed_at":"{observed_at.isoformat()}",'
        f'"told":{told.decode()},"sent":{sent.decode()}}}'
    )


def refused_row(refused: RefusedRecord) -> Row:
    """One element of the page of `quarantine`."""
    return {"stream": refused.stream, "mx_id": refused.mx_id, "reason": refused.reason, "keys": refused.keys}
