"""`POST /webhooks/mx/{key}`: MX rings. What it names is committed, then it is told 200; nothing it says is believed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from mx_pipeline.errors import BadInput, WarehouseError
from mx_pipeline.operations.web.door import Bounded
from mx_pipeline.operations.web.inbox_writer import InboxWriter
from mx_pipeline.operations.web.notifications import read_notification
from mx_pipeline.operations.web.pace import Pace
from mx_pipeline.warehouse.webhook_keys import PATH

MOST_HEADERS = 100
MOST_PER_KEY_AND_MINUTE = 30_000
"""A clinic has a hundred payments a day."""
JSON_TYPES = (b"application/json", b"text/json")
JSON_IN_WORDS = "send JSON with Content-Type: application/json"
PROBLEMS: Mapping[int, tuple[str, str]] = {
    404: ("not_found", "there is nothing at this address"),
    405: ("method_not_allowed", "this address takes POST alone"),
    408: ("too_slow", "the body did not come within 5 seconds"),
    413: ("too_large", "the body is larger than 64 kB"),
    429: ("too_many_requests", "too many notifications with this key; come again later"),
    431: ("too_large", "too many headers"),
    503: ("warehouse_unavailable", "nothing was kept; come again in a moment"),
}
CLOSES = frozenset({408, 413, 431})
WAIT_SECONDS: Mapping[int, bytes] = {429: b"60", 503: b"2"}
RECEIVED = b'{"received":true}'


class Webhooks:
    """An ASGI layer in front of the application: nothing that costs time for people is spent on a flood."""

    def __init__(self, app: ASGIApp, writer: InboxWriter) -> None:
        """`writer` keeps what comes."""
        self._app, self._writer = app, writer
        self._pace = Pace(per_minute=MOST_PER_KEY_AND_MINUTE, at_once=MOST_PER_KEY_AND_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One call."""
        if scope["type"] != "http" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        status, code, words = await self._answer(scope, receive)
        body = RECEIVED if status == 200 else _problem(status, code, words)
        media = b"application/json" if status == 200 else b"application/problem+json"
        headers = [
            (b"content-type", media),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if status in CLOSES:
            headers.append((b"connection", b"close"))
        if status in WAIT_SECONDS:
            headers.append((b"retry-after", WAIT_SECONDS[status]))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, str, str]:
        """Status, code and words; a good key and one that nobody has take the same way to their answers."""
        if scope["method"] != "POST":
            return _refused(405)
        if len(scope["headers"]) > MOST_HEADERS:
            return _refused(431)
        if not _is_json(scope):
            return 400, "unreadable", JSON_IN_WORDS
        try:
            body = await _whole(Bounded(scope, receive))
            notification = read_notification(scope["path"][len(PATH) :], body)
            if self._pace.take(notification.key_hash, at=time.monotonic()):
                return _refused(429)
            is_good = await self._writer.keep(notification)
        except HTTPException as error:
            return _refused(error.status_code)
        except BadInput as error:
            return 400, "unreadable", str(error)
        except WarehouseError:
            return _refused(503)
        return (200, "", "") if is_good else _refused(404)


async def _whole(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BadInput("the body broke off")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _is_json(scope: Scope) -> bool:
    """MX's own type is documented nowhere, so none at all is taken, too."""
    told = [value for name, value in scope["headers"] if name == b"content-type"]
    return not told or (len(told) == 1 and told[0].split(b";")[0].strip().lower() in JSON_TYPES)


def _refused(status: int) -> tuple[int, str, str]:
    return (status, *PROBLEMS[status])


def _problem(status: int, code: str, words: str) -> bytes:
    told = {"type": f"urn:mx-pipeline:{code}", "status": status, "detail": words, "code": code}
    return json.dumps(told).encode()
