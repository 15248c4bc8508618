"""
Connections to one host, each knowing when the call that uses it must be over.

A socket's timeout starts anew with every byte, so a server that drips one byte a second is never
late. Here the time left is set again before each read (about 1 µs), so status line, headers, chunk
sizes and body all end at the same moment, without a watching thread.
"""

from __future__ import annotations

import functools
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.util.ssl_ import create_urllib3_context

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import WriteableBuffer
    from urllib3.response import BaseHTTPResponse

POOL_SIZE = 32
"""Connections kept open: as many as threads may call at once."""


class _Deadline(threading.local):
    """When the call that this thread is making must be over, on the monotonic clock."""

    ends_at: float = float("inf")


_deadline = _Deadline()


def call_must_end_at(monotonic_seconds: float) -> None:
    """Reads by this thread time out from that moment on."""
    _deadline.ends_at = monotonic_seconds


def _give_the_time_left(sock: socket.socket) -> None:
    left = _deadline.ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the call's total deadline has passed")
    sock.settimeout(left)


class _Socket(socket.socket):
    """A plain connection with a deadline."""

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        """All that http.client reads comes through here."""
        _give_the_time_left(self)
        return super().recv_into(buffer, nbytes, flags)


class _TlsSocket(ssl.SSLSocket):
    """A TLS connection with a deadline."""

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """All that http.client reads comes through here."""
        _give_the_time_left(self)
        return super().recv_into(buffer, nbytes, flags)


class _Connection(HTTPConnection):
    def connect(self) -> None:
        """Connect as urllib3 does, then hand the same descriptor to a socket that keeps the deadline."""
        super().connect()
        plain = cast("socket.socket", self.sock)
        timeout = plain.gettimeout()
        self.sock = _Socket(fileno=plain.detach())
        self.sock.settimeout(timeout)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection  # pyright: ignore[reportAssignmentType]  (urllib3's own class does not match, either)


@functools.cache
def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Shared by all clients: reading the certificates takes 15 ms, which requests pays per connection."""
    context = create_urllib3_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _TlsSocket
    context.load_verify_locations(cafile=ca_file or DEFAULT_CA_BUNDLE_PATH)
    return context


class OneHost(HTTPAdapter):
    """
    A requests adapter that can reach one host only, so its Authorization cannot go elsewhere.

    Requests are sent through `send`, without a Session: cookies, redirects, .netrc, proxies and
    certificates from the environment are what a Session would add, and cost 0.2 ms of CPU a call.
    """

    def __init__(self, base_url: str, *, ca_file: Path | None = None) -> None:
        """`ca_file`: certificates to trust instead of certifi's."""
        self._tls = _trusting(ca_file) if base_url.startswith("https:") else None
        super().__init__(pool_connections=1, pool_maxsize=POOL_SIZE, pool_block=False)
        self._pool = self.poolmanager.connection_from_url(base_url)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:  # noqa: FBT001, FBT002  (requests' own signature)
        """The pools use the sockets of this module and the certificates that were read once."""
        super().init_poolmanager(
            connections, maxsize, block, ssl_context=self._tls, cert_reqs="CERT_REQUIRED"
        )
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": HTTPSConnectionPool}

    def get_connection_with_tls_context(self, *_: object, **__: object) -> HTTPConnectionPool:
        """Whatever the request's URL says, this is the only place it can go."""
        return self._pool

    def cert_verify(self, *_: object, **__: object) -> None:
        """Nothing can be switched off or changed here: the context already demands a valid certificate."""

    def build_response(self, req: PreparedRequest, resp: BaseHTTPResponse) -> Response:
        """Status, headers and the unread body; no cookies are taken."""
        response = Response()
        response.status_code = resp.status
        response.headers = cast("Any", resp.headers)
        response.raw = resp
        response.request = req
        return response
