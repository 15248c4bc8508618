"""From MX's ring to the enriched row, through a real server and a real worker; and a flood of 2,000 a second."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from mx_pipeline.local.dagster_parts import dagster_environment
from mx_pipeline_tests.bench import sql
from mx_pipeline_tests.bench.clinic import Clinic, Machine
from mx_pipeline_tests.bench.figures import Figure
from mx_pipeline_tests.fakes.flooding import Flooded, flood
from mx_pipeline_tests.fakes.ringing import a_body, a_key, rings

MOST_SECONDS_TO_THE_ROW = 5
MOST_MEGABYTES = 200
MOST_SECONDS_ELSEWHERE = 1
RATE, FLOOD_SECONDS = 2_000, 10
LEAST_OF_RATE = 0.9
PAUSE_SECONDS = 0.4
PATIENCE_SECONDS = 60
WAITS = "SELECT count(*) FROM mx.webhook_inbox WHERE handled_at IS NULL"
TOOK = (
    "SELECT percentile_cont(%s) WITHIN GROUP (ORDER BY extract(epoch FROM handled_at - received_at))::float8"
    " FROM mx.webhook_inbox WHERE outcome = 'fetched'"
)
NEWEST = "SELECT max(mx_payment_id) FROM mx.payments"


def webhook_rows(machine: Machine, notifications: int) -> Iterator[Figure]:
    with machine.clinic(1_000) as clinic, _deployed(machine, clinic) as (url, server):
        key = a_key(clinic.warehouse, clinic.merchant_id)
        clinic.sync()
        resident = _resident(server)
        _ring_for_new(clinic, url, key, notifications)
        took = {part: sql.rows(clinic.database_url, TOOK, part)[0][0] for part in (0.5, 0.95)}
        yield Figure(
            "webhooks",
            "from MX's ring to the enriched row, 95th percentile",
            took[0.95],
            "s",
            MOST_SECONDS_TO_THE_ROW,
            beside={"median": took[0.5], "notifications": notifications},
        )
        yield from _flooded(clinic, url, key, server, resident)


def _flooded(clinic: Clinic, url: str, key: str, server: int, resident: int) -> Iterator[Figure]:
    before = clinic.held("SELECT count(*)::int FROM mx.webhook_inbox")
    flooded: Flooded = asyncio.run(flood(url, key, rate=RATE, seconds=FLOOD_SECONDS))
    kept = clinic.held("SELECT count(*)::int FROM mx.webhook_inbox") - before
    beside = {"answers": dict(flooded.answers), "seconds": flooded.seconds, "kept": kept}
    yield Figure(
        "webhooks", f"{RATE:,} notifications a second for {FLOOD_SECONDS} s: accepted and lost",
        flooded.kept - kept, "notifications", 0, beside=beside,
    )  # fmt: skip
    yield Figure(
        "webhooks",
        "the same: accepted a second, two cores shared with whoever rings",
        flooded.kept / flooded.seconds,
        "/s",
        RATE * LEAST_OF_RATE,
        is_least=True,
        beside=beside,
    )
    yield Figure(
        "webhooks", "the same: memory of the server above an idle one", (_peak(server) - resident) / 1e6, "MB",
        MOST_MEGABYTES,
    )  # fmt: skip
    elsewhere = sorted(flooded.elsewhere)
    yield Figure(
        "webhooks", "the same: another route of the server, 95th percentile", elsewhere[int(len(elsewhere) * 0.95)],
        "s", MOST_SECONDS_ELSEWHERE,
    )  # fmt: skip


def _ring_for_new(clinic: Clinic, url: str, key: str, notifications: int) -> None:
    for _ in range(notifications):
        clinic.mx.receives(clinic.merchant_id, payments=1)
        newest = max(one["id"] for one in clinic.mx.truth(clinic.merchant_id) if one["record"] == "payment")
        answer = rings(url, key, a_body(newest, clinic.merchant_id))
        assert answer.status_code == 200
        time.sleep(PAUSE_SECONDS)
    _until(lambda: clinic.held(WAITS) == 0, "all notifications handled")


@contextmanager
def _deployed(machine: Machine, clinic: Clinic) -> Generator[tuple[str, int]]:
    """A server and a worker, each a process of its own; the address, and the server's process id."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    name = f"dagster_{clinic.merchant_id}"
    environment = dagster_environment(
        {
            **{key: value for key, value in os.environ.items() if not key.startswith(("MX_", "DAGSTER_"))},
            "MX_DATABASE_URL": clinic.database_url,
            "MX_SEALING_KEY": clinic.warehouse.logins.key.to_base64(),
            "MX_SANDBOX_URL": clinic.mx.url,
            "DAGSTER_PG_URL": machine.postgres.create_database(name),
        }
    )
    program = [sys.executable, "-m", "mx_pipeline.operations"]
    running = [
        subprocess.Popen([*program, *more], env=environment, stdout=subprocess.DEVNULL)
        for more in (["serve", "--port", str(port)], ["worker", "--children", "2"])
    ]
    url = f"http://127.0.0.1:{port}"
    listening = (
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = current_database()"
    )
    try:
        _until(lambda: clinic.held(listening) == 2 and _is_open(port), "the server and the worker started")
        yield url, running[0].pid
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(PATIENCE_SECONDS)
        sql.drop_database(machine.postgres.url(), name)


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {PATIENCE_SECONDS} s")
        time.sleep(0.1)


def _resident(pid: int) -> int:
    return int(psutil.Process(pid).memory_info().rss)


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError("VmHWM")
