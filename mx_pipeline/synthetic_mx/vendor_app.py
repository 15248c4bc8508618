"""
The vendor's REST API over ASGI: who asks, for what, and what rules make of the answer. It holds no data.
"""

import asyncio
import gzip
import time
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

from mx_pipeline.synthetic_mx import listing
from mx_pipeline.synthetic_mx.behaviour import Answer, Asked, Behaviour, rule_for
from mx_pipeline.synthetic_mx.further import FURTHER, further_page
from mx_pipeline.synthetic_mx.merchant import Merchant
from mx_pipeline.synthetic_mx.refusals import invalid_credentials, not_found, not_valid, not_yours, plain
from mx_pipeline.synthetic_mx.world import World

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PREFIX: Final = "/checkout/v3/"
GZIP_LEVEL: Final = 1
LISTS: Final = {"payment": "payments", "invoice": "invoices", "merchant": "merchants"}


class VendorApp:
    def __init__(self, world: World) -> None:
        self._world = world
        self._date = (0, b"")

    async def __call__(self, scope: Scope, send: Send) -> None:
        world = self._world
        world.calls.begin()
        target: str = scope["path"]
        if scope["query_string"]:
            target = f"{target}?{scope['query_string'].decode('latin-1')}"
        endpoint, record_id = _endpoint(scope["path"])
        asked, status = Asked(endpoint, None, record_id, target), 0
        try:
            asked, answer = self._answer(scope, asked)
            behaviour = world.behaviour_for(asked.merchant_id)
            rule = rule_for(world.rules, asked) if world.rules else None
            if rule is not None:
                answer = await rule.act(asked, answer)
            status = answer.status
            delay = answer.delay_seconds + behaviour.latency_ms / 1_000
            if delay:
                await asyncio.sleep(delay)
            if (
                behaviour.gzip
                and b"gzip" in (_header(scope, b"accept-encoding") or b"")
                and answer.pieces is None
            ):
                answer.body = gzip.compress(answer.body, GZIP_LEVEL)
                answer.headers = [*answer.headers, (b"content-encoding", b"gzip")]
            await self._send(answer, send)
        finally:
            world.calls.end(asked.merchant_id, endpoint, status, f"{scope['method']} {target}")

    def _answer(self, scope: Scope, asked: Asked) -> tuple[Asked, Answer]:
        """The truthful answer, and whom it is about."""
        if asked.endpoint == "unknown":
            return asked, plain(404, "Not Found")
        opened = self._world.keys.merchants(_header(scope, b"authorization"))
        if opened is None:
            return asked, invalid_credentials()
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        wished = query.get("merchantId") or (asked.record_id if asked.endpoint == "setting" else None)
        merchant_id = opened[0]
        asked = Asked(asked.endpoint, merchant_id, asked.record_id, asked.target)
        if scope["method"] != "GET":
            return asked, plain(405, "Method Not Allowed")
        if wished is not None:
            if not wished.isascii() or not wished.isdigit() or len(wished) > 18:
                return asked, not_valid("merchantId is not valid.")
            merchant_id = int(wished)
            if merchant_id not in opened:
                return asked, not_yours()
            asked = Asked(asked.endpoint, merchant_id, asked.record_id, asked.target)
        merchant = self._world.merchants[merchant_id]
        try:
            return asked, self._about(merchant, asked, query, opened)
        except listing.BadQueryError as error:
            return asked, not_valid(str(error))

    def _about(self, merchant: Merchant, asked: Asked, query: dict[str, str], opened: list[int]) -> Answer:
        world = self._world
        behaviour = world.behaviour_for(merchant.id)
        if asked.endpoint in {"payment", "invoice"}:
            return self._detail(merchant, asked, behaviour)
        if asked.endpoint in {"payments", "invoices"}:
            make = listing.payment_page if asked.endpoint == "payments" else listing.invoice_page
            key = (merchant.birth, merchant.version, asked.endpoint, asked.target, behaviour)
            body = world.bodies.get(key, partial(make, merchant, query, behaviour))
            if asked.endpoint == "payments":
                world.listed_payments(merchant)
            return Answer(body=body)
        if asked.endpoint == "invoicepayment":
            body = listing.invoice_payments(merchant, query)
            return Answer(body=body) if body is not None else not_found(behaviour, "invoice")
        if asked.endpoint in FURTHER:
            return Answer(body=further_page(asked.endpoint, merchant, query))
        if asked.endpoint == "setting":
            setting: dict[str, Any] = {"merchantId": merchant.id, "lossPrevention": {}}
            return Answer(body=msgspec.json.encode(setting))
        records = [{"id": known, "dba": f"SYNTHETIC CLINIC {known}"} for known in opened]
        return Answer(body=msgspec.json.encode({"recordCount": len(records), "records": records}))

    def _detail(self, merchant: Merchant, asked: Asked, behaviour: Behaviour) -> Answer:
        text = asked.record_id or ""
        if not text.isascii() or not text.isdigit() or len(text) > 18:
            return not_found(behaviour, asked.endpoint)
        make = listing.payment_detail if asked.endpoint == "payment" else listing.invoice_detail
        key = (merchant.birth, merchant.version, asked.endpoint, text)
        body = self._world.bodies.get(key, lambda: make(merchant, int(text)) or b"")
        return Answer(body=body) if body else not_found(behaviour, asked.endpoint)

    async def _send(self, answer: Answer, send: Send) -> None:
        headers = [(b"content-type", answer.content_type), *answer.headers]
        names = {name for name, _ in answer.headers}
        if b"date" not in names:
            headers.append((b"date", self._now()))
        length = len(answer.body) if answer.pieces is None else None
        length = length if answer.content_length is None else answer.content_length
        if length is not None and b"content-length" not in names:
            headers.append((b"content-length", b"%d" % length))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        for seconds, piece in answer.pieces or ():
            await asyncio.sleep(seconds)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": answer.body if answer.pieces is None else b""})

    def _now(self) -> bytes:
        second = int(time.time())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True).encode())
        return self._date[1]


def _endpoint(path: str) -> tuple[str, str | None]:
    """The endpoint's name and the id in the path; anything else is "unknown"."""
    if not path.startswith(PREFIX):
        return "unknown", None
    name, _, rest = path[len(PREFIX) :].partition("/")
    if name in LISTS and not rest:
        return LISTS[name], None
    if name in FURTHER and not rest:
        return name, None
    if name in {"payment", "invoice"} and "/" not in rest:
        return name, rest
    if name == "invoicepayment" and not rest:
        return name, None
    if name == "merchant" and rest.endswith("/setting"):
        return "setting", rest.removesuffix("/setting")
    return "unknown", None


def _header(scope: Scope, wanted: bytes) -> bytes | None:
    return next((value for name, value in scope["headers"] if name == wanted), None)
