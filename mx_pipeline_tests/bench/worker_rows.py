"""On demand: how long a person waits for us before MX is asked, with a warm worker up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from mx_pipeline.access import OPERATOR
from mx_pipeline.local.dagster_parts import dagster_environment
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.bench import sql
from mx_pipeline_tests.bench.clinic import Clinic, Machine
from mx_pipeline_tests.bench.figures import Figure

ROW = "worker"
MOST_SECONDS = 0.3
WARM = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(query, 'LISTEN') AND datname = current_database()"
PATIENCE_SECONDS = 120
CHILDREN = 4


def worker_rows(machine: Machine, requests: int) -> Iterator[Figure]:
    with machine.clinic(50) as clinic, _worker(machine, clinic):
        # The first in each child resolves what Dagster leaves for the first run.
        for _ in range(2 * CHILDREN):
            _waited(clinic)
        waits = [_waited(clinic) for _ in range(requests)]
        yield Figure(
            ROW,
            "on demand: from request to the first API call, worker up, median",
            median(waits),
            "s",
            MOST_SECONDS,
            beside={"requests": requests, "slowest": max(waits), "quickest": min(waits)},
        )


def _waited(clinic: Clinic) -> float:
    """From the request's commit to the first answer of the vendor, which takes it no time."""
    clinic.mx.reset_calls()
    with clinic.warehouse.app.merchant(clinic.merchant_id, person=OPERATOR) as tenant:
        request = ask(tenant, SyncRequest("user:bench", "api", mode="latest", latest=20))
    committed = time.time()
    _until(
        lambda: clinic.held(
            f"SELECT count(*) FROM mx.sync_requests WHERE request_id = {request} AND status = 'done'"
        )
    )
    return clinic.mx.first_answer_at(clinic.merchant_id) - committed


@contextmanager
def _worker(machine: Machine, clinic: Clinic) -> Iterator[None]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MX_", "DAGSTER_"))}
    name = f"dagster_{clinic.merchant_id}"
    environment = {
        **kept,
        "MX_DATABASE_URL": clinic.database_url,
        "MX_SEALING_KEY": clinic.warehouse.logins.key.to_base64(),
        "MX_SANDBOX_URL": clinic.mx.url,
        "DAGSTER_PG_URL": machine.postgres.create_database(name),
    }
    program = [sys.executable, "-m", "mx_pipeline.operations", "worker", "--children", str(CHILDREN)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    worker = subprocess.Popen(program, env=dagster_environment(environment), start_new_session=True, **quiet)
    try:
        _until(lambda: clinic.held(WARM) == CHILDREN)
        yield
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(PATIENCE_SECONDS)
        sql.drop_database(machine.postgres.url(), name)


def _until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_SECONDS} s")
        time.sleep(0.05)
