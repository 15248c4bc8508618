"""Wall time, CPU and memory of whole syncs, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

from mx_pipeline_tests.bench.clinic import Machine
from mx_pipeline_tests.bench.fewest import truth_of
from mx_pipeline_tests.bench.figures import TIMES, Figure, middle

IN_FLIGHT, LATENCY_SECONDS = 16, 0.05
MOST_WALL, MOST_CPU, MOST_MB = 1.2, 3, 100
BYTES_PER_MB = 1_000_000
MOST_WITH_DETAILS = 100_000


def wall_rows(machine: Machine, sizes: dict[int, int]) -> Iterator[Figure]:
    """`sizes`: payments, and how many runs."""
    for payments, runs in sizes.items():
        with machine.clinic(payments) as clinic:
            fewest = truth_of(clinic).first_load
            ideal = fewest / IN_FLIGHT * LATENCY_SECONDS
            clinic.mx.has_latency(LATENCY_SECONDS * 1000)
            ran = []
            for _ in range(runs):
                clinic.forget()
                ran.append(clinic.sync())
            clinic.mx.has_latency(0)
        wall = middle(ran, "wall_seconds")
        yield Figure(
            "wall",
            f"wall time of a first load, {payments:,} payments, 50 ms latency, 16 in flight",
            wall / ideal,
            TIMES,
            MOST_WALL,
            beside={"seconds": wall, "fewest_calls": fewest, "ideal_seconds": ideal, "runs": runs},
        )


def cpu_rows(machine: Machine, payments: int, runs: int) -> Iterator[Figure]:
    """The sync and the floor take turns, so that noise meets both."""
    syncs, floors = [], []
    with machine.clinic(payments) as clinic:
        for _ in range(runs):
            clinic.forget()
            syncs.append(clinic.sync())
            floors.append(clinic.floor())
    both = ("cpu_seconds", "backend_cpu_seconds")
    yield Figure(
        "cpu",
        f"CPU of a first load, {payments:,} payments, process and Postgres backends",
        middle(syncs, *both) / middle(floors, *both),
        TIMES,
        MOST_CPU,
        beside={
            "process_seconds": middle(syncs, both[0]),
            "backend_seconds": middle(syncs, both[1]),
            "floor_process_seconds": middle(floors, both[0]),
            "floor_backend_seconds": middle(floors, both[1]),
            "process_ratio": middle(syncs, both[0]) / middle(floors, both[0]),
            "runs": runs,
        },
    )


def memory_rows(machine: Machine, sizes: list[int]) -> Iterator[Figure]:
    for payments in sizes:
        # So many invoice details would take hours; their lists, with as many rows, are read all the same.
        is_huge = payments > MOST_WITH_DETAILS
        with machine.clinic(payments, walk_ins_only=is_huge) as clinic:
            ran = clinic.sync()
        details = ", no invoice details" if is_huge else ""
        yield Figure(
            "memory",
            f"memory above an idle process, first load of {payments:,} payments{details}",
            ran["peak_bytes"] / BYTES_PER_MB,
            "MB",
            MOST_MB,
            beside={
                "wall_seconds": ran["wall_seconds"],
                "curve_mb": [round(one / BYTES_PER_MB) for one in ran["curve_bytes"]],
            },
        )
