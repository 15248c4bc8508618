"""
Prints the table: `python -m mx_pipeline_tests.bench [--quick | --full] [--only ROW …] [--json PATH] [--markdown PATH]`.
`--plot PATH` draws how cost grows with the number of merchants.

All figures are ratios of things measured in the same run on the same machine, by medians where there are several
runs. The synthetic MX and each measured sync are processes of their own; Postgres has its default durability.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mx_pipeline_tests.bench.calls_rows import calls_rows
from mx_pipeline_tests.bench.category_rows import category_rows
from mx_pipeline_tests.bench.clinic import Machine, machine
from mx_pipeline_tests.bench.figures import Figure, markdown, table
from mx_pipeline_tests.bench.load_rows import load_rows
from mx_pipeline_tests.bench.merchants_rows import merchants_rows
from mx_pipeline_tests.bench.policy_rows import policy_rows
from mx_pipeline_tests.bench.rounds_rows import rounds_rows
from mx_pipeline_tests.bench.sync_rows import cpu_rows, memory_rows, wall_rows
from mx_pipeline_tests.bench.webhook_rows import webhook_rows
from mx_pipeline_tests.bench.worker_rows import worker_rows

Row = Callable[[Machine], Iterator[Figure]]

QUICK: dict[str, Row] = {
    "calls": lambda machine: calls_rows(machine, [1_000]),
    "wall": lambda machine: wall_rows(machine, {1_000: 1}),
    "cpu": lambda machine: cpu_rows(machine, 3_000, 1),
    "load": lambda machine: load_rows(machine, 5_000, 3),
    "rls": lambda machine: policy_rows(machine, 3_000, 15),
    "webhooks": lambda machine: webhook_rows(machine, 10),
    "memory": lambda machine: memory_rows(machine, [1_000, 5_000]),
    "worker": lambda machine: worker_rows(machine, 10),
    "categories": lambda machine: category_rows(machine, 3_000, 3),
    "rounds": lambda machine: rounds_rows(machine, 50),
    "merchants": lambda machine: merchants_rows(machine, [10, 100]),
}
USUAL: dict[str, Row] = {
    "calls": lambda machine: calls_rows(machine, [1_000, 20_000]),
    "wall": lambda machine: wall_rows(machine, {1_000: 5, 20_000: 1}),
    "cpu": lambda machine: cpu_rows(machine, 20_000, 3),
    "load": lambda machine: load_rows(machine, 20_000, 5),
    "rls": lambda machine: policy_rows(machine, 10_000, 25),
    "webhooks": lambda machine: webhook_rows(machine, 40),
    "memory": lambda machine: memory_rows(machine, [1_000, 20_000, 100_000]),
    "worker": lambda machine: worker_rows(machine, 40),
    "categories": lambda machine: category_rows(machine, 20_000, 5),
    "rounds": lambda machine: rounds_rows(machine, 500),
    "merchants": lambda machine: merchants_rows(machine, [10, 100, 1_000]),
}
FULL: dict[str, Row] = {
    **USUAL,
    "memory": lambda machine: memory_rows(machine, [1_000, 20_000, 100_000, 1_000_000]),
    "merchants": lambda machine: merchants_rows(machine, [10, 100, 1_000, 10_000]),
}


def main() -> None:
    asked = _asked()
    rows = QUICK if asked.quick else FULL if asked.full else USUAL
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell had it ignored, in the background
        signal.signal(number, signal.default_int_handler)
    began, figures = time.monotonic(), list[Figure]()
    try:
        with machine() as started:
            for name in asked.only or rows:
                for figure in rows[name](started):
                    figures.append(figure)
                    passed = f"{time.monotonic() - began:6.0f} s   "
                    print(passed + "   ".join(figure.cells()), file=sys.stderr, flush=True)  # noqa: T201
                    _keep(asked.json, began, figures)
    finally:
        if asked.plot:
            from mx_pipeline_tests.bench.scale_plot import draw

            draw([figure.told() for figure in figures], asked.plot)
    print(table(figures))  # noqa: T201
    if asked.markdown:
        asked.markdown.write_text(markdown(figures), encoding="utf-8")


def _keep(file: Path | None, began: float, figures: list[Figure]) -> None:
    """After each figure anew: a bench that is interrupted has said what it had measured."""
    if file is None:
        return
    told = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "seconds": round(time.monotonic() - began),
        "figures": [figure.told() for figure in figures],
    }
    written = file.with_suffix(".part")
    written.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    written.replace(file)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mx_pipeline_tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller, in less than a minute")
    parser.add_argument(
        "--full", action="store_true", help="also 1,000,000 payments, 10,000 merchants: hours"
    )
    parser.add_argument("--only", nargs="+", choices=list(USUAL), help="these rows alone")
    parser.add_argument("--json", type=Path, help="write the figures and what they are made of here")
    parser.add_argument("--plot", type=Path, help="draw the row merchants here")
    parser.add_argument("--markdown", type=Path, help="write the table for the README here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
