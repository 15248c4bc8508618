"""A proxy between client and vendor that breaks what it carries, byte by byte."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

Spoil = Callable[[socket.socket, bytes], None]
"""Sends what is left of an answer; may close the connection, or reset it."""

REQUEST_END = b"\r\n\r\n"
LENGTH = re.compile(rb"(?i)(content-length: )(\d+)")
RESET_ON_CLOSE = struct.pack("ii", 1, 0)
PLUGS = 8


class BadNetwork:
    """Forwards each request on a connection of its own; answers are carried whole unless told otherwise."""

    def __init__(self, upstream: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._upstream = (urlsplit(upstream).hostname or "", urlsplit(upstream).port or 80)
        self._tls = tls
        self._spoils: list[Spoil] = []
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.requests = 0
        """Requests that came through whole."""

    def __enter__(self) -> BadNetwork:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="bad-network", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for wire in self._open:
            wire.close()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{'localhost' if self._tls else '127.0.0.1'}:{self.port}"

    def spoils(self, how: Spoil, *, times: int = 1, skip: int = 0) -> None:
        """Let `skip` answers pass, then do this to the next `times`."""
        self._spoils = [*[whole] * skip, *[how] * times]

    def _accept(self) -> None:
        while True:
            try:
                wire, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(wire,), daemon=True).start()

    def _serve(self, wire: socket.socket) -> None:
        with suppress(OSError):
            if self._tls:
                wire = self._tls.wrap_socket(wire, server_side=True)
            self._open.append(wire)
            waiting = b""
            while came := wire.recv(65_536):
                waiting += came
                while REQUEST_END in waiting:
                    head, waiting = waiting.split(REQUEST_END, 1)
                    answer = self._ask(head)
                    with self._lock:
                        self.requests += 1
                        spoil = self._spoils.pop(0) if self._spoils else whole
                    spoil(wire, answer)
        wire.close()

    def _ask(self, head: bytes) -> bytes:
        with socket.create_connection(self._upstream) as upstream:
            upstream.sendall(head + b"\r\nConnection: close" + REQUEST_END)
            parts: list[bytes] = []
            while part := upstream.recv(262_144):
                parts.append(part)
        return b"".join(parts).replace(b"connection: close\r\n", b"", 1)


def whole(wire: socket.socket, answer: bytes) -> None:
    """As it came."""
    wire.sendall(answer)


def drips(seconds_a_byte: float) -> Spoil:
    """Head in time, then byte after byte."""

    def spoil(wire: socket.socket, answer: bytes) -> None:
        head, body = answer.split(REQUEST_END, 1)
        wire.sendall(head + REQUEST_END)
        for at in range(len(body)):
            wire.sendall(body[at : at + 1])
            time.sleep(seconds_a_byte)

    return spoil


def resets(wire: socket.socket, answer: bytes) -> None:
    """A reset in the middle of the body."""
    wire.sendall(answer[: len(answer) // 2])
    time.sleep(0.02)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    wire.close()


def closes_early(wire: socket.socket, answer: bytes) -> None:
    """An orderly end, too soon."""
    wire.sendall(answer[: len(answer) // 2])
    wire.close()


def promises_more(wire: socket.socket, answer: bytes) -> None:
    """A Content-Length larger than the body, and then the end."""
    wire.sendall(LENGTH.sub(lambda told: told[1] + b"%d" % (int(told[2]) + 100), answer, count=1))
    wire.close()


def says_nothing(wire: socket.socket, _answer: bytes) -> None:
    """The connection ends without a byte."""
    wire.close()


@contextmanager
def nobody_listens() -> Iterator[str]:
    """An address at which connections are refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@contextmanager
def connections_hang() -> Iterator[str]:
    """An address at which nobody answers the phone: the queue of its listener is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        plugs = [socket.socket() for _ in range(PLUGS)]
        for plug in plugs:
            plug.setblocking(False)  # noqa: FBT003
            plug.connect_ex(address)
        try:
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for plug in plugs:
                plug.close()
