"""A wire to Postgres that reads the statements which it carries, and on which something happens at one of them."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

NOT_YET_STARTED = {80877103, 80877104}
"""Asks for TLS or for GSS encryption; the real start comes after them."""
QUERY, READY = b"Q", b"Z"
REFUSAL = re.compile(rb"\0VERROR\0C([0-9A-Z]{5})\0")
"""The SQLSTATE in what Postgres answers to a statement that it refuses."""
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


Act = Callable[["Wire"], object]


@dataclass(eq=False)
class Wire:
    """One connection."""

    client: socket.socket
    server: socket.socket
    held: bytearray | None = None
    """Where an answer is kept back until it is whole."""
    then: Act | None = None
    """What happens then."""

    def cut(self) -> None:
        """Without a word to either side."""
        for end in (self.client, self.server):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    @property
    def client_port(self) -> int:
        """As Postgres sees it, in pg_stat_activity."""
        return int(self.server.getsockname()[1])


@dataclass
class Moment:
    """Before or after the `nth` statement with these words in it, of all connections."""

    words: str
    nth: int
    when: Literal["before", "after"]
    act: Act
    seen: int = 0
    is_over: bool = False


class WatchedWire:
    """Carries everything; `at` arranges what happens when."""

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._moments: list[Moment] = []
        self._lock = threading.Lock()
        self._wires: set[Wire] = set()
        self.statements: list[str] = []
        self.refusals: list[str] = []
        """The SQLSTATEs of what Postgres refused."""

    def __enter__(self) -> WatchedWire:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="watched-wire", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_all()

    def at(
        self, words: str, act: Act, *, nth: int = 1, when: Literal["before", "after"] = "before"
    ) -> Moment:
        """Once. After: when the answer is complete, and before the client has any of it."""
        moment = Moment(words, nth, when, act)
        with self._lock:
            self._moments.append(moment)
        return moment

    def forgets(self) -> None:
        """What was arranged and has not happened."""
        with self._lock:
            self._moments.clear()

    def cut_all(self) -> None:
        """Every connection there is."""
        for wire in list(self._wires):
            wire.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._upstream)
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire = Wire(client, server)
            self._wires.add(wire)
            for pump in (self._to_server, self._to_client):
                threading.Thread(target=self._carry, args=(pump, wire), daemon=True).start()

    def _carry(self, pump: Callable[[Wire], None], wire: Wire) -> None:
        with suppress(OSError):
            pump(wire)
        wire.cut()
        self._wires.discard(wire)

    def _to_server(self, wire: Wire) -> None:
        waiting, has_started = b"", False
        while came := wire.client.recv(262_144):
            waiting += came
            while (size := _size(waiting, has_started=has_started)) is not None:
                message, waiting = waiting[:size], waiting[size:]
                if not has_started:
                    has_started = struct.unpack("!I", message[4:8])[0] not in NOT_YET_STARTED
                elif message[:1] == QUERY:
                    self._watch(wire, message[5:-1].decode(errors="replace"))
                wire.server.sendall(message)

    def _watch(self, wire: Wire, statement: str) -> None:
        with self._lock:
            self.statements.append(statement)
            reached = [moment for moment in self._moments if not moment.is_over and moment.words in statement]
            for moment in reached:
                moment.seen += 1
            due = [moment for moment in reached if moment.seen == moment.nth]
            for moment in due:
                moment.is_over = True
        for moment in due:
            if moment.when == "before":
                moment.act(wire)
            else:
                wire.held, wire.then = bytearray(), moment.act

    def _to_client(self, wire: Wire) -> None:
        while came := wire.server.recv(262_144):
            self.refusals.extend(code.decode() for code in REFUSAL.findall(came))
            if wire.held is None:
                wire.client.sendall(came)
                continue
            wire.held += came
            if _is_complete(wire.held):
                answer, wire.held = bytes(wire.held), None
                assert wire.then is not None
                wire.then(wire)
                wire.client.sendall(answer)


def _size(waiting: bytes, *, has_started: bool) -> int | None:
    """Bytes of the first message, if it is here whole; a started client's messages have a letter before the length."""
    head = 5 if has_started else 4
    if len(waiting) < head:
        return None
    size = int(struct.unpack("!I", waiting[head - 4 : head])[0]) + head - 4
    return size if len(waiting) >= size else None


def _is_complete(answer: bytearray) -> bool:
    """Does it end with "ready for the next one"?"""
    at = 0
    while at + 5 <= len(answer):
        letter, size = answer[at : at + 1], struct.unpack("!I", answer[at + 1 : at + 5])[0] + 1
        if at + size == len(answer) and letter == READY:
            return True
        at += size
    return False
