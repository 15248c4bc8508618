"""The synthetic MX in a process of its own, so that its CPU is nobody's but its own, and its admin door."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

SERVE = "import sys; from mx_pipeline.synthetic_mx.serve import serve; serve('127.0.0.1', int(sys.argv[1]))"
START_SECONDS = 20
VERB_SECONDS = 300
TIMEZONE = "America/New_York"


class SyntheticProcess:
    """What the admin's door can do, as verbs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def add_merchant(
        self, merchant_id: int, *, payments: int, walk_ins_only: bool = False
    ) -> tuple[str, str]:
        """Make a merchant whose newest payment is of today; returns its key and secret."""
        wish = _wish(merchant_id, payments=payments, walk_ins_only=walk_ins_only)
        made = self._ask("POST", "/merchants", wish)
        return made["consumer_key"], made["consumer_secret"]

    def add_merchants(self, merchants: Sequence[int], *, payments: int) -> dict[int, tuple[str, str]]:
        """Many at once, of walk-ins only; their keys and secrets."""
        wishes = [_wish(merchant, payments=payments, walk_ins_only=True) for merchant in merchants]
        made = self._ask("POST", "/merchants/many", wishes)
        return {one["merchant_id"]: (one["consumer_key"], one["consumer_secret"]) for one in made}

    def remove_merchant(self, merchant_id: int) -> None:
        self._ask("DELETE", f"/merchants/{merchant_id}")

    def receives(self, merchant_id: int, *, payments: int) -> None:
        self._ask("POST", f"/merchants/{merchant_id}/arrivals", {"payments": payments})

    def change_payment(self, merchant_id: int, payment_id: int, **fields: object) -> None:
        self._ask("PATCH", f"/merchants/{merchant_id}/payments/{payment_id}", fields)

    def has_latency(self, milliseconds: float) -> None:
        self._ask("PATCH", "/behaviour", {"latency_ms": milliseconds})

    def truth(self, merchant_id: int) -> Iterator[dict[str, Any]]:
        """Every payment and invoice as it is."""
        truth = f"{self.url}/__admin/truth/{merchant_id}"
        with urllib.request.urlopen(truth, timeout=VERB_SECONDS) as answer:  # noqa: S310
            for line in answer:
                yield json.loads(line)

    def reset_calls(self) -> None:
        self._ask("POST", "/calls/reset")

    def call_counts(self, merchant_id: int) -> dict[str, int]:
        """Calls since the reset, by endpoint."""
        counts: dict[str, int] = {}
        for row in self._ask("GET", f"/calls?merchant_id={merchant_id}")["counts"]:
            counts[row["endpoint"]] = counts.get(row["endpoint"], 0) + row["count"]
        return counts

    def first_answer_at(self, merchant_id: int) -> float:
        """Since the reset, in seconds of the epoch."""
        return self._ask("GET", f"/calls?merchant_id={merchant_id}")["requests"][0]["answered_at"]

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/__admin{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=VERB_SECONDS) as answer:  # noqa: S310
            return json.loads(answer.read() or b"{}")


def _wish(merchant_id: int, *, payments: int, walk_ins_only: bool) -> dict[str, object]:
    return {
        "merchant_id": merchant_id,
        "payments": payments,
        "timezone": TIMEZONE,
        "as_of": datetime.now(UTC).date().isoformat(),
        "walk_ins_only": walk_ins_only,
    }


@contextmanager
def synthetic_process() -> Generator[SyntheticProcess]:
    """Serving until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(port)])
    try:
        _wait_for(process, port)
        yield SyntheticProcess(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the synthetic MX did not start") from None
            time.sleep(0.02)
        else:
            return
