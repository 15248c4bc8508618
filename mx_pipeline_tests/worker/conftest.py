"""A deployment whose warm worker is a process of its own: real Postgres for both sides, a synthetic MX on a port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import psycopg2
import pytest

from mx_pipeline.access import OPERATOR
from mx_pipeline.defs.storage import engine_of
from mx_pipeline.local.dagster_parts import dagster_environment
from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.sealing import SealingKey
from mx_pipeline.settings import CANARY
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

ENOUGH_SECONDS = 120
ANSWER = "SELECT status, outcome, run_id, attempt FROM mx.sync_requests WHERE request_id = :request"
DONE = "SELECT count(*) FROM mx.sync_requests WHERE status = 'done'"


def until(is_so: Callable[[], Any], what: str) -> Any:
    """Wait for it. Fails with its name where it does not come."""
    deadline = time.monotonic() + ENOUGH_SECONDS
    while not (found := is_so()):
        assert time.monotonic() < deadline, f"{what}: not within {ENOUGH_SECONDS} s"
        time.sleep(0.05)
    return found


@dataclass
class Served:
    """`mx-pipeline serve`."""

    process: subprocess.Popen[str]
    url: str

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(ENOUGH_SECONDS) == 0
        if self.process.stdout is not None:
            self.process.stdout.close()


class Deployment:
    """Merchants on both sides, and workers."""

    def __init__(self, mx: SyntheticMx, warehouse: WarehouseUnderTest, environment: dict[str, str]) -> None:
        self.mx, self.warehouse, self.environment = mx, warehouse, environment
        self.workers: list[subprocess.Popen[bytes]] = []
        self.servers: list[Served] = []

    def add(self, merchant_id: int = MERCHANT, *, payments: int = 30) -> int:
        key = self.mx.add_merchant(merchant_id, payments=payments)
        return self.warehouse.has_merchant(merchant_id, key=key.consumer_key, secret=key.consumer_secret)

    def ask(self, merchant_id: int = MERCHANT, through: Any = "api", **more: Any) -> int:
        with self.warehouse.app.merchant(merchant_id, person=OPERATOR) as tenant:
            return ask(tenant, SyncRequest("user:somebody", through, **more))

    def work(self, children: int = 1, *options: str, log: Path | None = None) -> subprocess.Popen[bytes]:
        """Start a worker; it is warm when each child listens. `log`: where its lines go."""
        program = [sys.executable, "-m", "mx_pipeline.operations", "worker", "--children", str(children)]
        with Path(os.devnull if log is None else log).open("ab") as lines:
            worker = subprocess.Popen(
                [*program, *options],
                env=self.environment,
                start_new_session=True,
                stderr=None if log is None else lines,
            )
        self.workers.append(worker)
        until(lambda: len(self.listening(worker)) == children, "children that listen")
        return worker

    def serve(self, *, log: Path | None = None) -> Served:
        """Start the HTTP API on a port of its own."""
        with Path(os.devnull if log is None else log).open("ab") as lines:
            server = subprocess.Popen(
                [sys.executable, "-m", "mx_pipeline.operations", "serve", "--port", "0"],
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=lines,
                text=True,
            )
        assert server.stdout is not None
        served = Served(server, server.stdout.readline().split(" on ")[1].split(";")[0])
        self.servers.append(served)
        return served

    def children(self, worker: subprocess.Popen[bytes]) -> list[int]:
        return [child.pid for child in psutil.Process(worker.pid).children()]

    def listening(self, worker: subprocess.Popen[bytes]) -> list[int]:
        """Children whose bell has a connection."""
        ports = {
            row.client_port
            for row in self.warehouse.rows(
                "SELECT client_port FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
            )
        }
        return [
            pid
            for pid in self.children(worker)
            if any(link.laddr.port in ports for link in psutil.Process(pid).net_connections())
        ]

    def answered(self, request_id: int) -> Any:
        def done() -> Any:
            (row,) = self.warehouse.rows(ANSWER, request=request_id)
            return row if row.status == "done" else None

        return until(done, f"an answer to request {request_id}")

    def stop(self) -> None:
        for server in self.servers:
            server.stop()
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
            try:
                worker.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
                raise


@pytest.fixture
def unused_port() -> int:
    """One of this machine that is free now."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def synthetic_mx() -> Iterator[SyntheticMx]:
    with SyntheticMx.in_thread() as mx:
        yield mx


@pytest.fixture
def deployment(
    postgres: EmbeddedPostgres,
    database_url: str,
    sealing_key: SealingKey,
    warehouse: WarehouseUnderTest,
    synthetic_mx: SyntheticMx,
    tmp_path: Path,
) -> Iterator[Deployment]:
    name = f"dagster_{os.getpid()}_{time.monotonic_ns()}"
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("MX_", "DAGSTER_"))},
        "MX_DATABASE_URL": database_url,
        "MX_SEALING_KEY": sealing_key.to_base64(),
        "MX_SANDBOX_URL": synthetic_mx.url,
        "MX_HOME": str(tmp_path),
        "DAGSTER_PG_URL": postgres.create_database(name),
    }
    synthetic_mx.reset_calls()
    deployment = Deployment(synthetic_mx, warehouse, dagster_environment(environment))
    yield deployment
    deployment.stop()
    synthetic_mx.answers_truthfully()
    for (merchant_id,) in warehouse.rows(
        "SELECT merchant_id FROM mx.mx_merchant_configs WHERE merchant_id < :canary", canary=CANARY
    ):
        synthetic_mx.remove_merchant(merchant_id)
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def instance(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of the deployment, as the webserver opens it."""
    for name, value in deployment.environment.items():
        if name.startswith(("MX_", "DAGSTER_")):
            monkeypatch.setenv(name, value)
    with dg.DagsterInstance.get() as opened:
        yield opened
    deployment.stop()
    engine_of.cache_clear()
