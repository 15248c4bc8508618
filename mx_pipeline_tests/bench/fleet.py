"""Many small merchants on both sides, and whole rounds of the schedule over them, through Dagster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import psycopg2
from sqlalchemy import make_url

from mx_pipeline.defs.rounds import OP
from mx_pipeline.defs.schedules import shared_out
from mx_pipeline.local.dagster_parts import dagster_environment
from mx_pipeline.warehouse.due import calls_forecast, due_merchants
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline_tests.bench import sql
from mx_pipeline_tests.bench.clinic import FIRST_MERCHANT, TEMPLATE, Machine
from mx_pipeline_tests.bench.synthetic_process import TIMEZONE
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

PAYMENTS_EACH = 40
LOOK_SECONDS, TOLD_SECONDS = 0.2, 30.0
DATABASE, DAGSTER = "bench_fleet", "bench_fleet_dagster"
ALL_DUE = """
    UPDATE mx.sync_state SET completed_at = completed_at - interval '61 minutes';
    UPDATE mx.sync_requests SET finished_at = finished_at - interval '61 minutes'
"""
WAITS = """
    SELECT extract(epoch FROM finished_at - %s)::float8
      FROM mx.sync_requests
     WHERE finished_at > %s AND outcome = 'success'
"""
CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass
class Fleet:
    """Many small merchants on both sides."""

    machine: Machine
    url: str
    warehouse: WarehouseUnderTest
    environment: dict[str, str]
    keys: dict[int, tuple[str, str]]
    dagster_url: str
    most_connections: int = field(default=0)

    def goes_round(self) -> dict[str, float]:
        """One tick of the clock, and its rounds to their end."""
        now = datetime.now(UTC)
        with self.warehouse.dispatcher.everyone() as session:
            due = due_merchants(session, now=now)
            shares = shared_out(calls_forecast(session, due))
        self.warehouse.dispatcher.close()
        server, began, ended = self._server_seconds(), time.monotonic(), threading.Event()
        watching = threading.Thread(target=self._watch, args=(now, len(due), ended))
        watching.start()
        rounds = [self.begin(now, share) for share in shares]
        try:
            told: list[Any] = [json.loads(process.communicate()[0]) for process in rounds]
        finally:
            wall = time.monotonic() - began
            ended.set()
            watching.join()
            for process in rounds:
                process.kill()  # where the bench is interrupted
        waits = sorted(sql.column(self.url, WAITS, now, now))
        if len(waits) != len(due) or not all(one["is_success"] for one in told):
            raise RuntimeError(f"of {len(due)} merchants {len(waits)} were synced: {told}")
        return {
            "wall_seconds": wall,
            "median_wait_seconds": median(waits),
            "longest_wait_seconds": waits[-1],
            "connections": self.most_connections,
            "process_seconds": sum(one["cpu_seconds"] for one in told),
            "start_seconds": sum(one["start_cpu_seconds"] for one in told),
            "postgres_seconds": self._server_seconds() - server,
            "rounds": len(shares),
            "peak_bytes": max(one["peak_bytes"] for one in told),
        }

    def all_are_due(self) -> None:
        sql.run(self.url, ALL_DUE)

    def begin(self, now: datetime, merchants: list[int]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.one_round"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.environment,
        )
        config = {"planned_at": now.isoformat(), "merchants": merchants}
        assert process.stdin is not None
        process.stdin.write(json.dumps({"ops": {OP: {"config": config}}}).encode())
        process.stdin.close()
        process.stdin = None
        return process

    def _watch(self, now: datetime, due: int, ended: threading.Event) -> None:
        """Counts connections, and says now and then how far the round has come."""
        self.most_connections = 0
        tell_at = time.monotonic() + TOLD_SECONDS
        with closing(psycopg2.connect(self.machine.postgres.url())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                while not ended.wait(LOOK_SECONDS):
                    cursor.execute(CONNECTIONS)
                    self.most_connections = max(self.most_connections, cursor.fetchone()[0])
                    if time.monotonic() >= tell_at:
                        tell_at += TOLD_SECONDS
                        done = len(sql.column(self.url, WAITS, now, now))
                        sys.stderr.write(f"  {done:,} of {due:,} merchants\n")

    def _server_seconds(self) -> float:
        """CPU of the whole server: of those of its processes that have ended, too."""
        postmaster = psutil.Process(self.postmaster())
        ended = postmaster.cpu_times()
        own = ended.user + ended.system + ended.children_user + ended.children_system
        for one in postmaster.children():
            with suppress(psutil.NoSuchProcess):
                own += one.cpu_times().user + one.cpu_times().system
        return own

    def postmaster(self) -> int:
        """The number of the server's first process."""
        (directory,) = sql.column(self.machine.postgres.url(), "SHOW data_directory")
        return int(Path(directory, "postmaster.pid").read_text(encoding="ascii").split()[0])


@contextmanager
def fleet(machine: Machine, merchants: int) -> Generator[Fleet]:
    """`merchants` that the synthetic MX has and the warehouse does not know yet; Dagster's tables are there."""
    url = machine.postgres.create_database(DATABASE, template=TEMPLATE)
    dagster_url = machine.postgres.create_database(DAGSTER)
    warehouse = WarehouseUnderTest(Logins(make_url(url).set(drivername=DRIVER), machine.sealing_key))
    numbers = range(FIRST_MERCHANT, FIRST_MERCHANT + merchants)
    with TemporaryDirectory() as home:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MX_", "DAGSTER_"))},
            "MX_DATABASE_URL": url,
            "MX_SEALING_KEY": machine.sealing_key.to_base64(),
            "MX_SANDBOX_URL": machine.mx.url,
            "MX_HOME": home,
            "DAGSTER_PG_URL": dagster_url,
        }
        try:
            keys = machine.mx.add_merchants(numbers, payments=PAYMENTS_EACH)
            many = Fleet(machine, url, warehouse, dagster_environment(environment), keys, dagster_url)
            # Dagster's tables are made by its first process; two at once would both try.
            many.begin(datetime.now(UTC), []).communicate()
            yield many
        finally:
            warehouse.close()
            for merchant in numbers:
                machine.mx.remove_merchant(merchant)
            for database in (DATABASE, DAGSTER):
                sql.drop_database(machine.postgres.url(), database)


def register(many: Fleet) -> None:
    """All of them, without a command."""
    for merchant, (key, secret) in many.keys.items():
        many.warehouse.has_merchant(merchant, key=key, secret=secret, timezone=TIMEZONE)
    many.warehouse.app.close()
