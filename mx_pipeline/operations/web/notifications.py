"""Reads what MX rings with: which record it names, and nothing else. What it says of that record is not looked at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import NoReturn, cast

from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.webhooks import Kind, Notification
from mx_pipeline.words import LARGEST_MX_ID

KINDS: Mapping[str, Kind] = {
    "PaymentSuccess": "record",
    "PaymentFail": "record",
    "RefundCreated": "record",
    "Chargeback": "record",
    "BatchClosed": "batch",
    "Deposit": "nothing",
    "ExpiredCard": "nothing",
    "NewStatement": "nothing",
    "UpcomingSAQExpiration": "nothing",
}
"""MX's events (`mx_api.md` 4.2): those of a payment, the one after which payments are settled, and the others."""
OTHER_EVENT = "other"
LONGEST_ID = len(str(LARGEST_MX_ID))
UNREADABLE = "the body is not one JSON object in UTF-8 that names each key once"


def read_notification(key: str, body: bytes) -> Notification:
    """What the body names. Raises BadInput, which quotes nothing of it."""
    told = _object(body)
    event = told.get("eventType")
    kind = KINDS.get(event, "nothing") if isinstance(event, str) else "nothing"
    payment_id = _id(told.get("id")) if kind == "record" else None
    invoice_id = _id(told.get("invoiceId")) if kind == "record" else None
    if kind == "record" and payment_id is None and invoice_id is None:
        kind = "nothing"
    return Notification(
        key_hash=hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest(),
        body_hash=hashlib.sha256(body).hexdigest(),
        event=event if isinstance(event, str) and event in KINDS else OTHER_EVENT,
        kind=kind,
        payment_id=payment_id,
        invoice_id=invoice_id,
        merchant_id=_id(told.get("merchantId")),
    )


def _object(body: bytes) -> dict[str, object]:
    try:
        told = _json.decode(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadInput(UNREADABLE) from None
    if not isinstance(told, dict):
        raise BadInput(UNREADABLE)
    return cast("dict[str, object]", told)


def _id(value: object) -> int | None:
    """MX writes every value as a string; an id that is none is as good as absent."""
    text = str(value) if type(value) in (str, int) else ""
    is_id = text.isascii() and text.isdigit() and len(text) <= LONGEST_ID
    return int(text) if is_id and 0 < int(text) <= LARGEST_MX_ID else None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    tree = dict(pairs)
    if len(tree) < len(pairs):
        raise ValueError
    return tree


def _no_number(_: str) -> NoReturn:
    """NaN, Infinity."""
    raise ValueError


_json = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number, parse_float=str, parse_int=str)
