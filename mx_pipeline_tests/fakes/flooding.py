"""A flood of notifications over raw connections, and what each was answered; as many a second as the server takes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mx_pipeline_tests.fakes.ringing import a_body


@dataclass
class Flooded:
    """What came of it."""

    answers: Counter[int] = field(default_factory=Counter[int])
    seconds: float = 0.0
    elsewhere: list[float] = field(default_factory=list[float])
    """How long another route took meanwhile, in seconds."""

    @property
    def kept(self) -> int:
        return self.answers[200]


async def flood(url: str, key: str, *, rate: float, seconds: float, connections: int = 256) -> Flooded:
    """So many a second, each naming another payment; connections that are late catch up."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    flooded, began, total = Flooded(), time.monotonic(), int(rate * seconds)
    numbers = iter(range(total))

    async def ring() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        for number in numbers:
            early = began + number / rate - time.monotonic()
            if early > 0:
                await asyncio.sleep(early)
            body = a_body(7_000_000_000 + number)
            writer.write(_head(key, len(body)) + body)
            flooded.answers[await _status(reader)] += 1
        writer.close()
        await writer.wait_closed()

    async def look_elsewhere() -> None:
        while True:
            at = time.monotonic()
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            status = await _status(reader)
            writer.close()
            flooded.elsewhere.append(time.monotonic() - at if status == 200 else float("inf"))
            await asyncio.sleep(0.1)

    other = asyncio.create_task(look_elsewhere())
    await asyncio.gather(*(ring() for _ in range(connections)))
    flooded.seconds = time.monotonic() - began
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    return flooded


def _head(key: str, length: int) -> bytes:
    return (
        f"POST /webhooks/mx/{key} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        (
            int(line.partition(b":")[2])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        ),
        0,
    )
    await reader.readexactly(length)
    return int(head[9:12])
