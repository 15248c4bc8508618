"""
One request and its answer over one connection, over at a set moment however slowly the bytes drip.

Fast where the answer is as nearly all are (HTTP/1.1, a Content-Length, its head in one piece); whatever else
comes (chunks, no length, a head that drips, nonsense) is read by http.client, from the first byte on.
"""

from __future__ import annotations

import http.client
import io
import select
import time
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from _typeshed import WriteableBuffer

    from mx_pipeline.mx_api.credential import Request

READ_BYTES = 262_144
LONGEST_HEAD = 16_384
LONGEST_FAST_BODY = 8_000_000
"""Beyond it http.client reads piece by piece, so that the reader can stop at its cap."""
TIMEOUT_TOLERANCE_SECONDS = 0.01
"""A socket's timeout is a system call, so one that is nearly right stays."""
HEADERS_READ = {
    name.lower().encode(): name
    for name in ("Content-Encoding", "Content-Length", "Content-Type", "Connection", "Date", "Retry-After")
}
"""The others are nobody's business here. Transfer-Encoding is http.client's."""


class Body(Protocol):
    """The unread body."""

    def read(self, amount: int, /) -> bytes:
        """Up to that many bytes; none at the end. Raises if the body is shorter than announced."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """What came back. `keep` is to be called once the body has been read whole, `drop` where it has not."""

    status: int
    headers: Mapping[str, str]
    body: Body
    keep: Callable[[], None]
    drop: Callable[[], None]


class Line:
    """One connection, and when the call that uses it must be over."""

    def __init__(self, sock: socket.socket) -> None:
        """`sock`: connected, and TLS where that is wanted."""
        self._sock = sock
        self._timeout = -1.0
        self._ends_at = 0.0
        self._unexpected = select.poll()
        self._unexpected.register(sock, select.POLLIN)

    def call_must_end_at(self, monotonic_seconds: float) -> None:
        """Reading and writing time out from that moment on."""
        self._ends_at = monotonic_seconds

    def is_dropped(self) -> bool:
        """An idle connection has nothing to tell but its end."""
        return bool(self._unexpected.poll(0))

    def send(self, request: Request) -> None:
        """All of it."""
        self._give_the_time_left()
        self._sock.sendall(request.wire_bytes())

    def receive_first(self, most: int) -> bytes:
        """The start of the answer."""
        self._give_the_time_left()
        came = self._sock.recv(most)
        if not came:
            raise http.client.RemoteDisconnected("no answer came")
        return came

    def receive_into(self, buffer: WriteableBuffer) -> int:
        """How many bytes came; 0 at the end."""
        self._give_the_time_left()
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        """Give it up."""
        self._sock.close()

    def _give_the_time_left(self) -> None:
        """A socket's timeout starts anew with every byte, so a server that drips one a second is never late."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's total deadline has passed")
        if not 0 <= self._timeout - left < TIMEOUT_TOLERANCE_SECONDS:
            self._sock.settimeout(left)
            self._timeout = left


def exchanged(line: Line, request: Request, keep: Callable[[Line], None]) -> Reply:
    """Send it, and read the answer's head at least. Raises TimeoutError, OSError, http.client.HTTPException.

    `keep`: takes the connection back for the next call.
    """
    try:
        line.send(request)
        came = line.receive_first(READ_BYTES)
        return _plain(line, came, keep) or _by_http_client(line, came, keep)
    except BaseException:
        line.close()
        raise


def _plain(line: Line, came: bytes, keep: Callable[[Line], None]) -> Reply | None:
    """None where this is not the usual answer."""
    head_end = came.find(b"\r\n\r\n", 0, LONGEST_HEAD)
    if head_end < 0 or not came.startswith(b"HTTP/1.1 ") or came[12:13] != b" " or came[9:10] not in b"2345":
        return None
    headers = _headers(came[:head_end])
    length = headers.get("Content-Length", "") if headers else ""
    if headers is None or not (length.isascii() and length.isdigit()) or int(length) > LONGEST_FAST_BODY:
        return None
    status, missing = int(came[9:12]), int(length) - (len(came) - head_end - 4)
    if missing < 0 or status in (204, 304):
        return None
    body = came[head_end + 4 :]
    if missing:
        body = _rest(line, body, missing)
    # All that was announced has come, so the next call may have the connection at once.
    if headers.get("Connection", "").lower() == "close":
        line.close()
    else:
        keep(line)
    return Reply(status, headers, io.BytesIO(body), _nothing, _nothing)


def _headers(head: bytes) -> dict[str, str] | None:
    """Those that are read here; None where one is folded, doubled or malformed, or the body has no plain length."""
    headers: dict[str, str] = {}
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if not colon or name != name.strip():
            return None
        name = name.lower()
        known = HEADERS_READ.get(name)
        if known in headers or name == b"transfer-encoding":
            return None
        if known:
            headers[known] = value.strip().decode("latin-1")
    return headers


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


class _Replayed(io.RawIOBase):
    """What has come already, and then the rest."""

    def __init__(self, line: Line, came: bytes) -> None:
        super().__init__()
        self._line, self._came = line, came

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        if not self._came:
            return self._line.receive_into(buffer)
        view = memoryview(buffer).cast("B")
        part, self._came = self._came[: len(view)], self._came[len(view) :]
        view[: len(part)] = part
        return len(part)

    def makefile(self, *_: object) -> io.BufferedReader:
        """What http.client asks a socket for."""
        return io.BufferedReader(self)


class _Counted:
    """http.client does not complain when a body that is read in pieces ends too soon."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response

    def read(self, amount: int, /) -> bytes:
        part = self._response.read(amount)
        missing = cast("Any", self._response).length
        if not part and missing:
            raise http.client.IncompleteRead(b"", missing)
        return part


def _by_http_client(line: Line, came: bytes, keep: Callable[[Line], None]) -> Reply:
    response = http.client.HTTPResponse(cast("Any", _Replayed(line, came)), method="GET")
    try:
        _begin(response)
    except BaseException:
        response.close()
        raise

    # Closed by hand: left to the collector, Python 3.13 flushes what is gone by then, and says so on stderr.
    def give_back() -> None:
        is_whole = response.isclosed() and not response.will_close
        response.close()
        if is_whole:
            keep(line)
        else:
            line.close()

    def drop() -> None:
        response.close()
        line.close()

    headers = {name: value for name in HEADERS_READ.values() if (value := response.getheader(name))}
    return Reply(response.status, headers, _Counted(response), give_back, drop)


def _begin(response: http.client.HTTPResponse) -> None:
    response.begin()
    if response.getheader("Content-Length") and response.length is None and not response.chunked:
        raise http.client.HTTPException("the length of the body is not a number")


def _nothing() -> None:
    """The connection has been given back."""
