"""What a whole installation needs with so many merchants: its pages, its memory, and its connections at four rounds."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import psycopg2

from mx_pipeline.defs.rounds import sync_round
from mx_pipeline.defs.schedules import CALLS_PER_ROUND, ROUNDS_AT_ONCE
from mx_pipeline.operations.doctor.of_database import connections_needed
from mx_pipeline_tests.bench import sql
from mx_pipeline_tests.bench.figures import Figure
from mx_pipeline_tests.bench.fleet import Fleet
from mx_pipeline_tests.bench.ui_pages import a_browser, pages, seconds_of
from mx_pipeline_tests.fakes.installation import RUN, Installation, installed

ROW = "merchants"
PAGE_SECONDS = 2
FOUR_ROUNDS_MERCHANTS = (ROUNDS_AT_ONCE - 1) * CALLS_PER_ROUND + 1
"""Of whom each costs a call: so many, and there are four rounds."""
MOST_MERCHANTS = 2_000
"""More than these take a round too long to be watched besides."""
LOOK_SECONDS = 1.0
ROUND_SECONDS = 900
A_ROUND = f"""
    SELECT run_id FROM runs WHERE pipeline_name = '{sync_round.name}' AND status = 'SUCCESS' ORDER BY id DESC LIMIT 1
"""
UNDER_WAY = f"SELECT count(*) FROM runs WHERE pipeline_name = '{sync_round.name}' AND status = 'STARTED'"
SYNCED_SINCE = "SELECT count(*) FROM mx.sync_requests WHERE finished_at > %s AND outcome = 'success'"
NOW = "SELECT now()"
CONNECTIONS = """
    SELECT client_port, usename || ' in ' || datname
      FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


def installation_rows(many: Fleet, merchants: int) -> Iterator[Figure]:
    """After the rounds: nobody is due, so nothing runs but what always does."""
    what, beside = f"{merchants:,} merchants", {"merchants": merchants}
    (run_id,) = sql.column(many.dagster_url, A_ROUND)
    with TemporaryDirectory() as home, installed(many.environment, Path(home)) as installation:
        with a_browser() as page:
            shown = pages(merchant=next(iter(many.keys)), run_id=run_id)
            for one, told in seconds_of(page, installation.ui, shown):
                name = f"{what}: Dagster UI, {one.name}"
                yield Figure(ROW, name, told["seconds"], "s", PAGE_SECONDS, beside={**beside, **told})
        if FOUR_ROUNDS_MERCHANTS <= merchants <= MOST_MERCHANTS:
            watched = _watched(many, installation, merchants)
            needed = connections_needed()
            connections = watched["connections"]
            yield Figure(
                ROW,
                f"{what}: connections of it all, {watched['rounds_at_once']} rounds at once",
                connections,
                "connections",
                needed,
                beside={**beside, **watched},
            )
        else:
            watched = {"memory_mb": _megabytes(installation.memory())}
        total = sum(sum(sizes) for sizes in watched["memory_mb"].values())
        yield Figure(
            ROW, f"{what}: memory of it all", total, "MB", 4_000, beside={**beside, **watched["memory_mb"]}
        )


@dataclass
class Watch:
    """The most of everything, as long as it goes on."""

    many: Fleet
    installation: Installation
    memory: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    connections: int = 0
    by_login: dict[str, int] = field(default_factory=dict[str, int])
    held: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """Connections of each process, by what it is, the greatest first."""
    rounds_at_once: int = 0
    backends_mb: list[float] = field(default_factory=list[float])

    def until(self, ended: threading.Event) -> None:
        with closing(psycopg2.connect(self.many.machine.postgres.url())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                while not ended.wait(LOOK_SECONDS):
                    self._look(cursor)

    def _look(self, cursor: Any) -> None:
        cursor.execute(CONNECTIONS)
        opened: dict[int, str] = dict(cursor.fetchall())
        if len(opened) > self.connections:
            self.connections, self.by_login = len(opened), dict(Counter(opened.values()))
        now = self.installation.memory()
        self.rounds_at_once = max(self.rounds_at_once, len(now.get(RUN, {})))
        for name, sizes in now.items():
            held = [_held(number, opened.keys()) for number in sizes]
            self.held[name] = _each_at_most(self.held.get(name, []), held)
        for name, sizes in _megabytes(now).items():
            self.memory[name] = _each_at_most(self.memory.get(name, []), sizes)
        self.backends_mb = max(self.backends_mb, self._backends(), key=sum)

    def _backends(self) -> list[float]:
        """Their own share: what they all have is counted for each in proportion."""
        shares = list[float]()
        for process in psutil.Process(self.many.postmaster()).children():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                shares.append(round(process.memory_full_info().pss / 1e6, 1))
        return shares


def _watched(many: Fleet, installation: Installation, merchants: int) -> dict[str, Any]:
    """A round of all, by the clock, through Dagster's daemon, queue and launcher, beside all that is up."""
    watch, ended = Watch(many, installation), threading.Event()
    thread = threading.Thread(target=watch.until, args=(ended,), name="watch", daemon=True)
    thread.start()
    (began,) = sql.column(many.url, NOW)
    many.all_are_due()
    clock, deadline = time.monotonic(), time.monotonic() + ROUND_SECONDS
    while (done := sql.column(many.url, SYNCED_SINCE, began)[0]) < merchants:
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"of {merchants} merchants {done} were synced by the clock in {ROUND_SECONDS} s"
            )
        time.sleep(LOOK_SECONDS)
    seconds = time.monotonic() - clock
    ended.set()
    thread.join()
    return {
        "seconds_by_the_clock": seconds,
        "connections": watch.connections,
        "connections_by_login": watch.by_login,
        "connections_by_process": watch.held,
        "rounds_at_once": watch.rounds_at_once,
        "memory_mb": watch.memory,
        "postgres_backends": len(watch.backends_mb),
        "postgres_backend_mb": {
            "median": median(watch.backends_mb),
            "most": max(watch.backends_mb),
            "all": round(sum(watch.backends_mb), 1),
        },
    }


def _held(number: int, opened: Collection[int]) -> float:
    with suppress(psutil.NoSuchProcess):
        return sum(link.laddr.port in opened for link in psutil.Process(number).net_connections("tcp"))
    return 0


def _each_at_most(before: Sequence[float], now: Sequence[float]) -> list[float]:
    """The greatest with the greatest, and so on."""
    pairs = zip_longest(sorted(before, reverse=True), sorted(now, reverse=True), fillvalue=0)
    return [max(pair) for pair in pairs]


def _megabytes(memory: dict[str, dict[int, int]]) -> dict[str, list[float]]:
    return {
        name: sorted((round(size / 1e6, 1) for size in sizes.values()), reverse=True)
        for name, sizes in memory.items()
    }
