"""
The least that anyone could do: 16 raw connections fetch the same bytes, COPY puts them into an unindexed table.

It reads no JSON, judges no answer and knows no record. Run as `python -m mx_pipeline_tests.bench.floor` with
the calls on stdin.
"""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import sys
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import psycopg2

from mx_pipeline_tests.bench.measured_process import spent_by

CONNECTIONS = 16
READ_BYTES = 262_144
ANSWERS_PER_COPY = 500
TABLE = "CREATE TABLE floor (path text, body text)"
COPY = "COPY floor FROM STDIN"

Answers = SimpleQueue[tuple[str, bytes] | None]


def main() -> None:
    calls = json.load(sys.stdin)
    connection = psycopg2.connect(os.environ["MX_DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS floor")
        cursor.execute(TABLE)
    spent = spent_by(lambda: _fetch_and_copy(calls, connection), lambda: [connection.info.backend_pid])
    print(json.dumps(spent.told()))  # noqa: T201


def _fetch_and_copy(calls: dict[str, Any], connection: Any) -> None:
    answers: Answers = SimpleQueue()
    paths = iter(calls["paths"])
    for _ in range(CONNECTIONS):
        Thread(target=_fetch, args=(calls, paths, answers), daemon=True).start()
    for page in _pages(answers):
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(COPY, io.StringIO(page))


def _fetch(calls: dict[str, Any], paths: Iterator[str], answers: Answers) -> None:
    where = urlsplit(calls["url"])
    key = base64.b64encode(f"{calls['key']}:{calls['secret']}".encode()).decode()
    with socket.create_connection((where.hostname, where.port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for path in paths:
            sock.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Basic {key}\r\n\r\n".encode()
            )
            answers.put((path, _body(sock)))
    answers.put(None)


def _body(sock: socket.socket) -> bytes:
    """The bytes that content-length announces; the synthetic MX always does."""
    came = sock.recv(READ_BYTES)
    while (end := came.find(b"\r\n\r\n")) < 0:
        came += sock.recv(READ_BYTES)
    head, body = came[:end].lower(), came[end + 4 :]
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    parts, missing = [body], length - len(body)
    while missing > 0:
        parts.append(sock.recv(READ_BYTES))
        missing -= len(parts[-1])
    return b"".join(parts)


def _pages(answers: Answers) -> Iterator[str]:
    """COPY's text format, so many answers at a time."""
    at_work, page = CONNECTIONS, list[str]()
    while at_work:
        answer = answers.get()
        if answer is None:
            at_work -= 1
            continue
        path, body = answer
        page.append(f"{path}\t{body.decode().replace(chr(92), chr(92) * 2)}\n")
        if len(page) == ANSWERS_PER_COPY:
            yield "".join(page)
            page.clear()
    yield "".join(page)


if __name__ == "__main__":
    main()
