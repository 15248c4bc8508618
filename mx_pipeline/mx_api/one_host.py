"""
Connections to one host: kept open, given out one call at a time, trusted only with a valid certificate.

urllib3 makes them (addresses, timeouts, TLS); `exchange` and `attempts` speak over them. What lies between in
requests and urllib3 (sessions, adapters, redirects, proxies, cookies, header objects) is not wanted here and cost
0.4 ms of CPU a call, which was more than all other work on an invoice together (measured 2026-11).
"""

from __future__ import annotations

import functools
import ssl
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util.ssl_ import create_urllib3_context

from mx_pipeline.mx_api.line import Line

if TYPE_CHECKING:
    from pathlib import Path


POOL_SIZE = 32
"""Connections kept open: as many as threads may call at once."""


class NoConnection(OSError):
    """The host cannot be reached."""


class NotTrusted(OSError):
    """The host is there, but its certificate or its protocol is not to be trusted."""


@functools.cache
def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Shared by all clients: reading the certificates takes 15 ms, which requests pays per connection."""
    context = create_urllib3_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=ca_file or DEFAULT_CA_BUNDLE_PATH)
    return context


class OneHost:
    """
    The only place that the Authorization goes to: whatever a request says, it is sent to this host.

    Cookies, redirects, .netrc, proxies and certificates from the environment do not exist here. Safe to share
    among threads: a connection is in the pool, or in the hands of one call.
    """

    def __init__(self, base_url: str, *, ca_file: Path | None = None) -> None:
        """`ca_file`: certificates to trust instead of certifi's."""
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "", parts.port
        self._tls = _trusting(ca_file) if parts.scheme == "https" else None
        self._idle: deque[Line] = deque(maxlen=POOL_SIZE)

    def line(self, *, connect_seconds: float) -> Line:
        """An idle connection, or a new one. Raises NoConnection, NotTrusted."""
        return self.idle_line() or self._new_line(connect_seconds)

    def keep(self, line: Line) -> None:
        """Take a connection back for the next call."""
        self._idle.append(line)

    def has_idle_line(self) -> bool:
        """Whether there seems to be one."""
        return bool(self._idle)

    def close(self) -> None:
        """Close the connections that are idle."""
        while self._idle:
            self._idle.pop().close()

    def idle_line(self) -> Line | None:
        """The one used last, or None: the others may then time out at the host."""
        while True:
            try:
                line = self._idle.pop()
            except IndexError:
                return None
            if not line.is_dropped():
                return line
            line.close()

    def _new_line(self, connect_seconds: float) -> Line:
        try:
            if self._tls is None:
                connection = HTTPConnection(self._host, self._port or 80, timeout=connect_seconds)
            else:
                connection = HTTPSConnection(
                    self._host,
                    self._port or 443,
                    timeout=connect_seconds,
                    ssl_context=self._tls,
                    cert_reqs="CERT_REQUIRED",
                )
            connection.connect()
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise NotTrusted(type(error).__name__) from None
        except (HTTPError, OSError) as error:
            raise NoConnection(type(error).__name__) from None
        assert connection.sock is not None
        return Line(connection.sock)
