"""
One request and its answer over one connection.

Fast where the answer is as nearly all are (HTTP/1.1, a Content-Length, its head in one piece); whatever else
comes is read by http.client, from the first byte on.
"""

from __future__ import annotations

import functools
import http.client
import io
from typing import TYPE_CHECKING

import msgspec

from mx_pipeline.mx_api.reply import HEADERS_READ, Reply
from mx_pipeline.mx_api.unusual_answers import by_http_client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mx_pipeline.mx_api.credential import Request
    from mx_pipeline.mx_api.line import Line

READ_BYTES = 262_144
LONGEST_HEAD = 16_384
LINES_REMEMBERED = 256
LONGEST_FAST_BODY = 8_000_000
"""Beyond it http.client reads piece by piece, so that the reader can stop at its cap."""


class Head(msgspec.Struct, frozen=True):
    """The head of a usual answer, which has come whole."""

    status: int
    headers: Mapping[str, str]
    body_begins: int
    whole_bytes: int
    """Of head and body together."""
    is_last: bool
    """The connection ends with this answer."""


def exchanged(line: Line, request: Request, keep: Callable[[Line], None]) -> Reply:
    """Send it, and read the answer's head at least. Raises TimeoutError, OSError, http.client.HTTPException.

    `keep`: takes the connection back for the next call.
    """
    try:
        line.send(request)
        came = line.receive_first(READ_BYTES)
        return _plain(line, came, keep) or by_http_client(line, came, keep)
    except BaseException:
        line.close()
        raise


def head_of(came: bytes) -> Head | None:
    """The head of an answer that came in one piece; None where this is not the usual answer."""
    head_end = came.find(b"\r\n\r\n", 0, LONGEST_HEAD)
    if head_end < 0 or not came.startswith(b"HTTP/1.1 ") or came[12:13] != b" " or came[9:10] not in b"2345":
        return None
    headers = _headers(came[:head_end])
    length = headers.get("Content-Length", "") if headers else ""
    if headers is None or not (length.isascii() and length.isdigit()) or int(length) > LONGEST_FAST_BODY:
        return None
    status = int(came[9:12])
    if status in (204, 304):
        return None
    is_last = headers.get("Connection", "").lower() == "close"
    return Head(status, headers, head_end + 4, head_end + 4 + int(length), is_last)


def usual_reply(line: Line, head: Head, body: bytes, keep: Callable[[Line], None]) -> Reply:
    """All that was announced has come, so the next call may have the connection at once."""
    if head.is_last:
        line.close()
    else:
        keep(line)
    return Reply(head.status, head.headers, io.BytesIO(body), _nothing, _nothing)


def _plain(line: Line, came: bytes, keep: Callable[[Line], None]) -> Reply | None:
    """None where this is not the usual answer."""
    head = head_of(came)
    if head is None or len(came) > head.whole_bytes:
        return None
    body = came[head.body_begins :]
    if len(came) < head.whole_bytes:
        body = _rest(line, body, head.whole_bytes - len(came))
    return usual_reply(line, head, body, keep)


def _headers(head: bytes) -> dict[str, str] | None:
    """Those that are read here; None where one is folded, doubled or malformed, or the body has no plain length."""
    headers: dict[str, str] = {}
    for line in head.split(b"\r\n")[1:]:
        header = _header(line)
        if header is None:
            return None
        name, value = header
        if name in headers:
            return None
        if name:
            headers[name] = value
    return headers


@functools.lru_cache(maxsize=LINES_REMEMBERED)
def _header(line: bytes) -> tuple[str, str] | None:
    """Name and value; no name where it is not read here. Nearly all lines of an answer were seen a moment ago."""
    name, colon, value = line.partition(b":")
    if not colon or name != name.strip() or name.lower() == b"transfer-encoding":
        return None
    known = HEADERS_READ.get(name.lower())
    return (known, value.strip().decode("latin-1")) if known else ("", "")


def _rest(line: Line, start: bytes, missing: int) -> bytes:
    whole = bytearray(len(start) + missing)
    whole[: len(start)] = start
    view, at = memoryview(whole), len(start)
    while at < len(whole):
        count = line.receive_into(view[at:])
        if not count:
            raise http.client.IncompleteRead(b"", len(whole) - at)
        at += count
    return bytes(whole)


def _nothing() -> None:
    """The connection has been given back."""
