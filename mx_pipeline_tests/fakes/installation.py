"""All long-lived processes of an installation, real ones, and how much memory each of them has."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from mx_pipeline.local.children import Children
from mx_pipeline.local.dagster_parts import listening, start_dagster
from mx_pipeline.local.up import WORKER_STOP_SECONDS, start_web

WORKER_CHILD, RUN, HELPERS = "mx_pipeline.worker.child", "run", "helpers of "
STARTED_BY_THE_CODE_SERVER = "multiprocessing.spawn"
"""A run's own process, by what its command line says."""


@dataclass(frozen=True)
class Installation:
    """What `mx-pipeline up` starts, but for its Postgres: code server, daemon, webserver, worker, HTTP API."""

    children: Children
    ui: str
    web: str

    def memory(self) -> dict[str, dict[int, int]]:
        """Bytes that are resident of each process, by what it is and by its number; runs and helpers come and go."""
        found: dict[str, dict[int, int]] = {}
        for child in self.children.started:
            with suppress(psutil.NoSuchProcess):
                head = psutil.Process(child.process.pid)
                for process in (head, *head.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        name = _name(child.name, process, is_head=process == head)
                        found.setdefault(name, {})[process.pid] = process.memory_info().rss
        return found


def _name(started_as: str, process: psutil.Process, *, is_head: bool) -> str:
    if is_head:
        return started_as
    words = process.cmdline()
    if WORKER_CHILD in words:
        return "worker's child"
    return RUN if any(STARTED_BY_THE_CODE_SERVER in word for word in words) else f"{HELPERS}{started_as}"


@contextmanager
def installed(
    environment: Mapping[str, str], home: Path, *, worker_children: int = 4
) -> Generator[Installation]:
    """On a warehouse that is migrated. `environment`: of a Dagster process."""
    with Children(home / "logs", environment) as children:
        ui = start_dagster(children, home, ui=listening())
        worker = [
            sys.executable,
            "-m",
            "mx_pipeline.operations",
            "worker",
            "--children",
            str(worker_children),
        ]
        children.start("worker", worker, stop_seconds=WORKER_STOP_SECONDS)
        yield Installation(children, ui, start_web(children, listening()))
