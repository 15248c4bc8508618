"""One connection on which a call is over at a set moment, however slowly the bytes drip."""

from __future__ import annotations

import http.client
import select
import ssl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

    from _typeshed import WriteableBuffer

    from mx_pipeline.mx_api.credential import Request

READ_BYTES = 16_384
TIMEOUT_TOLERANCE_SECONDS = 0.01
"""A socket's timeout is a system call, so one that is nearly right stays."""


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

    def fileno(self) -> int:
        """For whoever waits for several at once."""
        return self._sock.fileno()

    def send_now(self, request: Request) -> None:
        """All of it at once, for it is small; raises OSError where that cannot be."""
        if self._timeout != 0:
            self._sock.settimeout(0)
            self._timeout = 0
        wire = request.wire_bytes()
        if self._sock.send(wire) != len(wire):
            raise BlockingIOError("the connection takes no whole request at once")

    def receive_now(self) -> bytes | None:
        """What is here already; None where more must be waited for, and nothing at the end."""
        try:
            return self._sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

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
