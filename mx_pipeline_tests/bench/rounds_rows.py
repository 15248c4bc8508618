"""Rounds of the schedule over many merchants of whom nothing changed, all due at once, through Dagster."""

from __future__ import annotations

from collections.abc import Iterator

from mx_pipeline_tests.bench.clinic import Machine
from mx_pipeline_tests.bench.figures import TIMES, Figure
from mx_pipeline_tests.bench.fleet import fleet, register

MOST_SECONDS, MOST_CONNECTIONS, MOST_WAIT = 90, 40, 2
MOST_CPU_SECONDS = 0.18
"""10,000 merchants within 15 minutes on two cores."""


def rounds_rows(machine: Machine, merchants: int) -> Iterator[Figure]:
    """`merchants`: each with few payments; once all are read for the first time, nothing changes any more."""
    with fleet(machine, merchants) as many:
        register(many)
        many.goes_round()
        many.all_are_due()
        ran = many.goes_round()
    what = f"{merchants:,} unchanged merchants due at once, through Dagster"
    yield Figure("rounds", f"{what}: until all are done", ran["wall_seconds"], "s", MOST_SECONDS, beside=ran)
    yield Figure(
        "rounds", f"{what}: connections to Postgres", ran["connections"], "connections", MOST_CONNECTIONS
    )
    waits = ran["longest_wait_seconds"] / ran["median_wait_seconds"]
    yield Figure("rounds", f"{what}: longest wait against the median", waits, TIMES, MOST_WAIT)
    cpu = (ran["process_seconds"] + ran["postgres_seconds"]) / merchants
    yield Figure("rounds", f"{what}: CPU of each, processes and Postgres", cpu, "s", MOST_CPU_SECONDS)
