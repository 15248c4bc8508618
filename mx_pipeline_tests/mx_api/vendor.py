"""A small HTTP server on a real port that says exactly what a test tells it to, byte by byte where wished."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

Script = Callable[["Request", socket.socket], None]
REQUEST_END = b"\r\n\r\n"


@dataclass
class Request:
    """What came in."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    connection: int


def a_reply(body: object = b"", status: int = 200, **headers: str) -> bytes:
    """A whole HTTP answer; anything but bytes is sent as JSON. `content_type=` becomes Content-Type."""
    raw = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
    named = {"Content-Type": "application/json", "Content-Length": str(len(raw))}
    named |= {name.replace("_", "-").title(): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items() if value)
    return f"HTTP/1.1 {status} Some Words\r\n{head}\r\n".encode() + raw


def a_page(*records: object, count: object = None, **headers: str) -> bytes:
    """A list answer; the count is that of the records unless told otherwise."""
    return a_reply(
        {"recordCount": len(records) if count is None else count, "records": list(records)}, **headers
    )


@dataclass
class Vendor:
    """Answers in the order told; the last answer is repeated for ever."""

    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)

    def __enter__(self) -> Vendor:
        self._script: list[Script | bytes] = [a_page()]
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stops_listening()
        for connection in self._open:
            connection.close()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{'localhost' if self.tls else '127.0.0.1'}:{self.port}"

    @property
    def connections(self) -> int:
        return len({request.connection for request in self.requests})

    def answers(self, *script: Script | bytes) -> Vendor:
        self._script = list(script)
        return self

    def answers_by(self, rule: Callable[[Request], bytes]) -> Vendor:
        return self.answers(lambda request, wire: wire.sendall(rule(request)))

    def serves_list(
        self, rows: Callable[[int], list[Any]], *, cap: int = 10**9, count: Callable[[list[Any]], Any] = len
    ) -> Vendor:
        """A list that may change: `rows(n)` is the whole of it at the n-th call."""

        def page(request: Request) -> bytes:
            everything = rows(len(self.requests))
            start, size = int(request.query["offset"]), min(cap, int(request.query["limit"]))
            return a_page(*everything[start : start + size], count=count(everything))

        return self.answers_by(page)

    def stops_listening(self) -> None:
        # shutdown wakes the thread that is blocked in accept; close alone does not.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        self._listener.close()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, wire: socket.socket, number: int) -> None:
        try:
            if self.tls:
                wire = self.tls.wrap_socket(wire, server_side=True)
            self._open.append(wire)
            waiting = b""
            while came := wire.recv(65_536):
                waiting += came
                while REQUEST_END in waiting:
                    head, waiting = waiting.split(REQUEST_END, 1)
                    self._answer(_parsed(head, number), wire)
        except OSError:
            pass
        finally:
            wire.close()

    def _answer(self, request: Request, wire: socket.socket) -> None:
        with self._lock:
            self.requests.append(request)
            step = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if callable(step):
            step(request, wire)
        else:
            wire.sendall(step)


def _parsed(head: bytes, number: int) -> Request:
    first, *rest = head.decode("latin-1").split("\r\n")
    target = urlsplit(first.split(" ")[1])
    headers = dict(line.split(": ", 1) for line in rest)
    query = {name: values[0] for name, values in parse_qs(target.query).items()}
    return Request(target.path, query, headers, number)
