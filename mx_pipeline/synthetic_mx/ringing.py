"""
Rings for a payment as the vendor does: every value a string, to each address that asked for it (mx_api.md 4.3).
"""

import http.client
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from mx_pipeline.synthetic_mx.facts import Payment
from mx_pipeline.synthetic_mx.fate import status_of
from mx_pipeline.synthetic_mx.merchant import Merchant
from mx_pipeline.synthetic_mx.people import person

TIMEOUT_SECONDS: Final = 30
"""What the vendor waits for a 200."""

Ring = tuple[str, bytes]
"""Where to, and the body."""


def rings_for(
    merchant: Merchant, subscriptions: Iterable[dict[str, Any]], payment_ids: Sequence[int], event: str | None
) -> list[Ring]:
    """One for each payment and each address that wants to hear of it; `event` where it is no new payment."""
    rings: list[Ring] = []
    wanted = list(subscriptions)
    for payment_id in payment_ids:
        payment = merchant.payments.find(payment_id)
        if payment is None:
            continue
        name = event or _event_of(merchant, payment)
        body = msgspec.json.encode(_body(merchant, payment, name))
        rings += [
            (one["callbackUrl"], body) for one in wanted if one["eventType"] == name and one["sendWebhook"]
        ]
    return rings


def rings_for_batch(merchant: Merchant, subscriptions: Iterable[dict[str, Any]]) -> list[Ring]:
    """A batch was closed; which payments were in it is not said."""
    told = {"eventType": "BatchClosed", "merchantId": str(merchant.id), "id": str(merchant.closed_through)}
    body = msgspec.json.encode(told)
    return [(one["callbackUrl"], body) for one in subscriptions if one["eventType"] == "BatchClosed"]


def deliver(rings: Iterable[Ring], *, copies: int = 1) -> list[int]:
    """What each was answered; 0 where nobody answered. Not to be called on the server's own loop."""
    return [_post(url, body) for url, body in rings for _ in range(copies)]


def _post(url: str, body: bytes) -> int:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with closing(kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)) as connection:
        with suppress(OSError, http.client.HTTPException):
            connection.request("POST", parts.path, body, {"Content-Type": "application/json; charset=utf-8"})
            return connection.getresponse().status
        return 0


def _event_of(merchant: Merchant, payment: Payment) -> str:
    if status_of(payment, merchant.closed_through) == "Declined":
        return "PaymentFail"
    return "RefundCreated" if payment.type == "Return" else "PaymentSuccess"


def _body(merchant: Merchant, payment: Payment, event: str) -> dict[str, str]:
    return {
        "eventType": event,
        "merchantId": str(merchant.id),
        "xmid": str(merchant.id),
        "dba": f"SYNTHETIC CLINIC {merchant.id}",
        "id": str(payment.id),
        "invoiceId": "",
        "invoiceNumber": payment.reference or "",
        "transactionDate": _minute(payment.created, "UTC"),
        "localDate": _minute(payment.created, merchant.zone),
        "transactionTypeName": payment.type,
        "paymentType": payment.tender,
        "referenceNumber": "",
        "authorizationCode": "",
        "responseCode": "",
        "replayId": "",
        "totalAmount": f"{payment.amount / 100:.2f}",
        "responseMessage": "Approved and completed successfully ",
        "customer": person(merchant.seed, payment.customer).name,
        "customerNumber": "",
        "source": payment.source,
        "customFields": "",
    }


def _minute(epoch_ms: int, zone: str) -> str:
    """`Aug 5 2025  6:02AM`: an hour of one digit is padded to two."""
    moment = datetime.fromtimestamp(epoch_ms / 1_000, ZoneInfo(zone))
    hour = moment.hour % 12 or 12
    return f"{moment:%b} {moment.day} {moment.year} {hour:2d}:{moment.minute:02d}{moment:%p}"
