"""Stands around every call: gives it an id, bounds what comes in, guards what goes out, and lets no text of a
defect leave."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mx_pipeline.correlation import correlated, new_correlation_id, plain_id, trace_id_of
from mx_pipeline.operations.web.meters import OTHER, Meters
from mx_pipeline.operations.web.problems import DEFECT, problem
from mx_pipeline.operations.web.web_settings import WebSettings
from mx_pipeline.seeing.logs import where
from mx_pipeline.spans import span

LARGEST_BODY_BYTES = 64 * 1024
BODY_SECONDS = 5.0
"""For the whole body; one byte a second must not hold a place."""
TELLING = frozenset({b"x-request-id", b"traceparent"})
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
FAILED = HTTPStatus.INTERNAL_SERVER_ERROR
ONE_YEAR_SECONDS = 31_536_000

_log = logging.getLogger(__name__)


class Door:
    """An ASGI layer; the outermost of ours."""

    def __init__(self, app: ASGIApp, web: WebSettings, meters: Meters) -> None:
        """`web` says who may embed us, and whether people come over https."""
        self._app, self._meters = app, meters
        self._headers = guarding_headers(web)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told = {name: value.decode("latin-1") for name, value in scope["headers"] if name in TELLING}
        request_id = _request_id(told)
        traceparent = told.get(b"traceparent")
        scope.setdefault("state", {})["request_id"] = request_id
        has_begun, status, began = False, 0, time.monotonic()

        async def guarded(message: Message) -> None:
            nonlocal has_begun, status
            if message["type"] == "http.response.start":
                has_begun, status = True, message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            with (
                correlated(
                    correlation_id=request_id, traceparent=traceparent if trace_id_of(traceparent) else None
                ),
                span("HTTP", correlation_id=request_id) as told,
            ):
                await self._app(scope, Bounded(scope, receive), guarded)
                method, path = _counted_as(scope)
                told.tell({"status": status}, name=f"{method} {path}", failed=status >= FAILED)
        except Exception as error:
            _tell(error, request_id)
            self._meters.defects += 1
            if not has_begun:
                answer = problem(Request(scope), HTTPStatus.INTERNAL_SERVER_ERROR, "internal", DEFECT)
                await answer(scope, receive, guarded)
        finally:
            self._meters.count(*_counted_as(scope), status, time.monotonic() - began)


class Bounded:
    """Receives a body of at most so many bytes, within so many seconds. Raises HTTPException."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        """Nothing is read yet."""
        self._scope, self._receive = scope, receive
        self._bytes = 0
        self._deadline: float | None = None
        self._is_whole = False

    async def __call__(self) -> Message:
        """The next part."""
        if self._is_whole:
            return await self._receive()
        if self._deadline is None:
            self._deadline = time.monotonic() + BODY_SECONDS
            if _told_length(self._scope) > LARGEST_BODY_BYTES:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            message = await asyncio.wait_for(self._receive(), self._deadline - time.monotonic())
        except TimeoutError:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, headers={"Connection": "close"}) from None
        self._bytes += len(message.get("body", b""))
        if self._bytes > LARGEST_BODY_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, headers={"Connection": "close"})
        self._is_whole = not message.get("more_body", False)
        return message


def guarding_headers(web: WebSettings) -> dict[str, str]:
    """What browsers are told with every answer; a route that says otherwise is believed."""
    ancestors = " ".join(web.embed_origins) or "'none'"
    headers = {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
            f"form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
    if not web.embed_origins:
        headers["X-Frame-Options"] = "DENY"
    if web.is_encrypted:
        headers["Strict-Transport-Security"] = f"max-age={ONE_YEAR_SECONDS}"
    return headers


def _counted_as(scope: Scope) -> tuple[str, str]:
    """By the route, never by the address: that holds numbers of merchants."""
    path = getattr(scope.get("route"), "path", OTHER)
    return (scope["method"], path) if scope["method"] in METHODS else (OTHER, path)


def _request_id(told: Mapping[bytes, str]) -> str:
    """The caller's own, where it is a plain word, or else its trace's: so that it is found in both logs."""
    return (
        plain_id(told.get(b"x-request-id")) or trace_id_of(told.get(b"traceparent")) or new_correlation_id()
    )


def _told_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _tell(error: Exception, request_id: str) -> None:
    """Where, never what: its text can quote a row or a key."""
    _log.error(
        "a defect in an HTTP call %s: %s at %s",
        request_id,
        type(error).__name__,
        " < ".join(where(error)),
    )
