"""How cost grows with the number of merchants: onboarding, partitions, rounds, `status`, `trace`, and every table."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from mx_pipeline_tests.bench import sql
from mx_pipeline_tests.bench.clinic import Machine
from mx_pipeline_tests.bench.figures import Figure
from mx_pipeline_tests.bench.fleet import Fleet, fleet
from mx_pipeline_tests.bench.installation_rows import installation_rows
from mx_pipeline_tests.bench.synthetic_process import TIMEZONE

ROW = "merchants"
HEADER = ("merchant_id", "name", "environment", "timezone", "consumer_key", "consumer_secret")
TICK_SECONDS, STATUS_SECONDS, TRACE_SECONDS = 60, 1, 2
ROUND_SECONDS_EACH = 0.09
"""10,000 within 15 minutes."""
FEWEST_ROUND_SECONDS = 30
"""A round's processes start Dagster, however few merchants there are."""
ONE_PERCENT = 100
NEW_PAYMENTS = 3
TRIES = 3
SYNCS_A_YEAR = 96 * 365
"""Every 15 minutes, as often as a merchant is asked for that is neither busy nor quiet."""
SIZES = """
    SELECT format('%%s.%%s', namespace.nspname, relation.relname), pg_total_relation_size(relation.oid)
      FROM pg_class AS relation JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
     WHERE relation.relkind IN ('r', 'p') AND namespace.nspname IN ('mx', 'public')
"""


def merchants_rows(machine: Machine, sizes: Sequence[int]) -> Iterator[Figure]:
    """Everything anew for each size, on the same machine."""
    for merchants in sizes:
        with fleet(machine, merchants) as many:
            yield from _of(many, merchants)


def _of(many: Fleet, merchants: int) -> Iterator[Figure]:
    beside, what = {"merchants": merchants}, f"{merchants:,} merchants"
    onboarding = _imported(many)
    yield Figure(
        ROW, f"{what}: registered and verified", onboarding, "s", max(5, merchants * 0.1), beside=beside
    )
    first, again = _tick(many), _tick(many)
    if first["partitions"] != merchants:
        raise RuntimeError(f"{first['partitions']} partitions of {merchants} merchants")
    yield Figure(
        ROW, f"{what}: first tick of the partitions", first["seconds"], "s", TICK_SECONDS, beside=beside
    )
    yield Figure(ROW, f"{what}: later ticks", again["seconds"], "s", 2, beside=beside)
    most = max(FEWEST_ROUND_SECONDS, merchants * ROUND_SECONDS_EACH)
    loaded = many.goes_round()
    yield Figure(
        ROW, f"{what}: first load", loaded["wall_seconds"], "s", 4 * most, beside={**beside, **loaded}
    )
    before = _sizes(many)
    many.all_are_due()
    unchanged = many.goes_round()
    growth = _growth(before, _sizes(many), merchants)
    told = {**beside, **unchanged, "bytes_per_sync": growth}
    yield Figure(ROW, f"{what}: a round, nothing changed", unchanged["wall_seconds"], "s", most, beside=told)
    cpu = 1000 * (unchanged["process_seconds"] + unchanged["postgres_seconds"]) / merchants
    started = 1000 * (unchanged["process_seconds"] - unchanged["start_seconds"]) / merchants
    postgres = 1000 * unchanged["postgres_seconds"] / merchants
    told = {**beside, "python_ms": started, "postgres_ms": postgres}
    yield Figure(
        ROW, f"{what}: CPU of one of those syncs", cpu / 1000, "s", max(0.18, 30 / merchants), beside=told
    )
    yield Figure(
        ROW, f"{what}: connections of a round", unchanged["connections"], "connections", 40, beside=beside
    )
    peak = unchanged["peak_bytes"] / 1e6
    yield Figure(ROW, f"{what}: memory of a round's process", peak, "MB", 400, beside=beside)
    a_year = sum(growth.values()) * SYNCS_A_YEAR / 1e6
    yield Figure(
        ROW, f"{what}: growth of one in a year of unchanged syncs", a_year, "MB", 1_000, beside=beside
    )
    for merchant in list(many.keys)[: math.ceil(merchants / ONE_PERCENT)]:
        many.machine.mx.receives(merchant, payments=NEW_PAYMENTS)
    many.all_are_due()
    changed = many.goes_round()
    told = {**beside, **changed}
    yield Figure(ROW, f"{what}: a round, 1 % changed", changed["wall_seconds"], "s", most, beside=told)
    status = _command(many, "status", "--json")
    yield Figure(ROW, f"{what}: status --json", status, "s", STATUS_SECONDS, beside=beside)
    (payment,) = sql.column(many.url, "SELECT max(mx_payment_id) FROM mx.payments")
    trace = _command(many, "trace", str(payment), "--json")
    yield Figure(ROW, f"{what}: trace without --merchant", trace, "s", TRACE_SECONDS, beside=beside)
    yield from installation_rows(many, merchants)


def _imported(many: Fleet) -> float:
    """By the command, with each key asked for at MX."""
    told = io.StringIO()
    writer = csv.writer(told)
    writer.writerow(HEADER)
    writer.writerows(
        [merchant, f"Clinic {merchant}", "sandbox", TIMEZONE, *pair] for merchant, pair in many.keys.items()
    )
    began = time.monotonic()
    ran = _run(many, "merchants", "import", "-", "--json", told=told.getvalue())
    seconds = time.monotonic() - began
    if json.loads(ran)["added"] != len(many.keys):
        raise RuntimeError("not all merchants were registered")
    return seconds


def _tick(many: Fleet) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", f"{__package__}.one_tick"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=many.environment,
        check=True,
    )
    return json.loads(ended.stdout)


def _command(many: Fleet, *words: str) -> float:
    """The whole command, from its start to its exit, by the median."""
    seconds = list[float]()
    for _ in range(TRIES):
        began = time.monotonic()
        _run(many, *words)
        seconds.append(time.monotonic() - began)
    return median(seconds)


def _run(many: Fleet, *words: str, told: str = "") -> bytes:
    command = [sys.executable, "-m", "mx_pipeline.operations", *words]
    return subprocess.run(
        command, input=told.encode(), stdout=subprocess.PIPE, env=many.environment, check=True
    ).stdout


def _sizes(many: Fleet) -> dict[str, int]:
    return {
        **dict(sql.rows(many.url, SIZES)),
        **{f"dagster {name}": size for name, size in sql.rows(many.dagster_url, SIZES)},
    }


def _growth(before: Mapping[str, int], after: Mapping[str, int], syncs: int) -> dict[str, float]:
    """Bytes that one sync adds to each table, its indexes and what autovacuum has not taken back yet."""
    grown = {name: (size - before.get(name, 0)) / syncs for name, size in after.items()}
    return {name: round(size, 1) for name, size in sorted(grown.items()) if size > 0}
