"""
Who wants to be rung for what: PUT, GET and DELETE of subscriptions, as the paper has them (mx_api.md 4.1).
"""

from collections.abc import Callable
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline.synthetic_mx.behaviour import Answer
from mx_pipeline.synthetic_mx.refusals import invalid_credentials, not_valid, not_yours, plain
from mx_pipeline.synthetic_mx.world import World

PATH: Final = "/checkout/v3/subscription"
EVENTS: Final = (
    "PaymentSuccess", "PaymentFail", "RefundCreated", "Chargeback", "Deposit", "BatchClosed", "ExpiredCard",
    "NewStatement", "UpcomingSAQExpiration",
)  # fmt: skip
SOURCES: Final = frozenset(
    {
        "QuickPay",
        "Customer",
        "Invoice",
        "Recurring",
        "Order",
        "MXExpress",
        "MXRetail",
        "API",
        "Terminal",
        "Rekey",
    }
)
WHEN: Final = "2025-10-31T12:00:00Z"
_ids = count(1)


class Wish(msgspec.Struct, kw_only=True, rename="camel"):
    """The body of a PUT; one event a call."""

    event_type: str
    send_webhook: bool
    callback_url: str
    sources: str
    merchant_id: int
    threshold: float = 0
    send_email: bool = False
    email_address: str = ""
    send_sms: bool = msgspec.field(default=False, name="sendSMS")
    phone_number: str = ""
    invite_users: str


class Subscriptions:
    """The vendor's door for them."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self._world.calls.begin()
        body = await request.body()
        merchant_id, answer = self._answer(request, body)
        target = f"{request.method} {request.url.path}"
        self._world.calls.end(merchant_id, "subscription", answer.status, target)
        media = answer.content_type.decode()
        await Response(answer.body, answer.status, media_type=media)(scope, receive, send)

    def _answer(self, request: Request, body: bytes) -> tuple[int | None, Answer]:
        opened = self._world.keys.merchants(request.headers.get("authorization", "").encode("latin-1"))
        if opened is None:
            return None, invalid_credentials()
        verbs: dict[str, Callable[[Request, bytes, list[int]], Answer]] = {
            "GET": self._list, "PUT": self._put, "DELETE": self._delete
        }  # fmt: skip
        verb = verbs.get(request.method)
        return opened[0], plain(405, "Method Not Allowed") if verb is None else verb(request, body, opened)

    def _list(self, request: Request, _: bytes, opened: list[int]) -> Answer:
        query = dict(parse_qsl(request.url.query))
        merchant_id = int(query.get("merchantId", opened[0]))
        if merchant_id not in opened:
            return not_yours()
        kept = self._world.subscriptions.get(merchant_id, [])
        start, limit = int(query.get("offset", 0)), int(query.get("limit", 10))
        records = kept[start : start + limit]
        return Answer(body=msgspec.json.encode({"recordCount": len(kept), "records": records}))

    def _put(self, _: Request, body: bytes, opened: list[int]) -> Answer:
        try:
            wish = msgspec.json.decode(body, type=Wish)
        except msgspec.MsgspecError as error:
            return not_valid(str(error))
        if wish.merchant_id not in opened:
            return not_yours()
        if wish.event_type not in EVENTS:
            return not_valid(f"eventType {wish.event_type} is not valid.")
        if not {source.strip() for source in wish.sources.split(",")} <= SOURCES:
            return not_valid("sources is not valid.")
        kept = self._world.subscriptions.setdefault(wish.merchant_id, [])
        one_each = self._world.behaviour_for(wish.merchant_id).one_subscription_per_event
        if any(
            one["eventType"] == wish.event_type and (one_each or one["callbackUrl"] == wish.callback_url)
            for one in kept
        ):
            return not_valid("Duplicate notification.")
        record = {
            "id": next(_ids),
            "eventType": wish.event_type,
            "eventDescription": wish.event_type,
            "callbackUrl": wish.callback_url,
            "created": WHEN,
            "modified": WHEN,
            "merchantId": wish.merchant_id,
            "emailAddress": wish.email_address,
            "phoneNumber": wish.phone_number,
            "Sources": wish.sources,
            "sendWebhook": wish.send_webhook,
            "sendEmail": wish.send_email,
            "sendSMS": wish.send_sms,
        }
        kept.append(record)
        return Answer(status=201, body=msgspec.json.encode(record))

    def _delete(self, request: Request, _: bytes, opened: list[int]) -> Answer:
        wished = request.url.path.removeprefix(PATH).strip("/")
        for merchant_id in opened:
            kept = self._world.subscriptions.get(merchant_id, [])
            found = [one for one in kept if str(one["id"]) == wished]
            for one in found:
                kept.remove(one)
            if found:
                return Answer(status=204)
        return not_yours()
