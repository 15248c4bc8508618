"""The vendor's subscriptions: for which event it rings, and where. One event a call, with the merchant's own key."""

from __future__ import annotations

import http.client
import time
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import urlsplit

import msgspec

from mx_pipeline.errors import MxApiError, MxContractBroken, MxNotFound, MxRejected
from mx_pipeline.mx_api.answers import ERROR_KEY, Answer, Asked, judge
from mx_pipeline.mx_api.bodies import read_body
from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.mx_api.credential import Credential
from mx_pipeline.mx_api.envelope import parsed
from mx_pipeline.mx_api.exchange import exchanged
from mx_pipeline.mx_api.one_host import OneHost
from mx_pipeline.mx_api.troubles import trouble_of

PATH = "/checkout/v3/subscription"
SOURCES = "QuickPay, Customer, Invoice, Recurring, Order, MXExpress, MXRetail, API, Terminal, Rekey"
"""All of them: a source that is left out is never rung for (`mx_api.md` 4.1)."""
DUPLICATE = "duplicate notification"
MOST_LISTED = 1_000
BETWEEN_CALLS_SECONDS = 0.1
"""What the vendor's own users leave between two of these calls (`mx_api.md` 3.3)."""


class Subscription(msgspec.Struct, frozen=True):
    """One event, rung for at one address."""

    id: int
    event: str
    callback_url: str
    """It holds a key of ours, so it is shown nowhere."""
    sends: bool

    def __repr__(self) -> str:
        """Without its address."""
        return f"Subscription({self.id}, {self.event})"


class Subscriptions:
    """Those of one merchant. Nothing is tried again: whoever asks does so anew, and a repetition is harmless."""

    def __init__(
        self,
        *,
        base_url: str,
        consumer_key: str,
        consumer_secret: str,
        merchant_id: int,
        limits: CallLimits | None = None,
    ) -> None:
        """`base_url`: scheme and host."""
        self._credential = Credential(consumer_key, consumer_secret)
        del consumer_key, consumer_secret
        self._merchant_id, self._limits = merchant_id, limits or CallLimits()
        self._authority, self._host = urlsplit(base_url).netloc, OneHost(base_url)
        self._may_call_at = 0.0

    def listed(self) -> list[Subscription]:
        """What MX rings for at this merchant, whoever asked for it. Raises MxApiError."""
        query = f"merchantId={self._merchant_id}&limit={MOST_LISTED}&offset=0"
        asked = Asked("subscription")
        tree = parsed(asked, self._send(asked, "GET", f"{PATH}?{query}"))
        records = cast("dict[str, Any]", tree).get("records") if isinstance(tree, dict) else None
        if not isinstance(records, list):
            raise MxContractBroken(f"{asked}: MX's answer has no list of records; tell the maintainers.")
        return [found for one in cast("list[object]", records) if (found := _read(one))]

    def add(self, event: str, callback_url: str) -> bool:
        """Ring for it there; False where MX says that it does already. Raises MxApiError."""
        wish = {
            "eventType": event,
            "sendWebhook": True,
            "callbackUrl": callback_url,
            "sources": SOURCES,
            "merchantId": self._merchant_id,
            "threshold": 0,
            "sendEmail": False,
            "emailAddress": "",
            "sendSMS": False,
            "phoneNumber": "",
            "inviteUsers": "",
        }
        try:
            self._send(Asked("subscription"), "PUT", PATH, msgspec.json.encode(wish))
        except MxRejected as error:
            if DUPLICATE in str(error).lower():
                return False
            raise
        return True

    def remove(self, subscription_id: int) -> None:
        """Ring for it no more; one that is gone already is no trouble. Raises MxApiError."""
        try:
            self._send(Asked("subscription", subscription_id), "DELETE", f"{PATH}/{subscription_id}")
        except MxNotFound:
            return

    def _send(self, asked: Asked, method: str, path: str, body: bytes = b"") -> Answer:
        time.sleep(max(0.0, self._may_call_at - time.monotonic()))
        started, limits = time.monotonic(), self._limits
        self._may_call_at = started + BETWEEN_CALLS_SECONDS
        request = self._credential.request_of(method, self._authority, path, body)
        try:
            line = self._host.line(connect_seconds=limits.connect_timeout_seconds)
            line.call_must_end_at(started + limits.total_deadline_seconds)
            reply = exchanged(line, request, self._host.keep)
            came = read_body(reply.body, reply.headers, cap_bytes=limits.body_cap_bytes, asked=str(asked))
            reply.keep()
        except MxApiError:
            raise
        except (http.client.HTTPException, OSError) as error:
            # The error can hold what was sent, and with it the Authorization: neither cause nor context of ours.
            trouble = trouble_of(asked, error, deadline_seconds=limits.total_deadline_seconds)
        else:
            answer = Answer(reply.status, reply.headers, came, started)
            if method == "GET" or not 200 <= answer.status < 300 or ERROR_KEY in came:
                judge(asked, answer, self._credential.hide_in)
            return answer
        raise trouble

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes its connections."""
        self._host.close()


def _read(record: object) -> Subscription | None:
    """None for a record without the fields that we go by."""
    if not isinstance(record, dict):
        return None
    told = cast("dict[str, object]", record)
    mx_id, event, url = told.get("id"), told.get("eventType"), told.get("callbackUrl")
    if not (isinstance(mx_id, int) and isinstance(event, str) and isinstance(url, str)):
        return None
    return Subscription(mx_id, event, url, told.get("sendWebhook") is not False)
