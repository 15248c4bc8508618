"""A process that syncs one merchant once, and that may be killed, stopped or measured."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.sealing import Sealer
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.sync.orders import ALL_PHASES, Phase
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import LOADER_ROLE, Logins
from mx_pipeline.warehouse.requests import SyncRequest
from mx_pipeline_tests.fakes.clinic import QUICK
from mx_pipeline_tests.fakes.wrong_clock import set_wall_clock

# Forked from a process that has one thread and has imported everything: a real one, up in 50 ms.
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Job:
    """All that such a process is told."""

    logins: Logins
    mx_url: str
    merchant_id: int
    mode: str = "full"
    phases: frozenset[Phase] = ALL_PHASES
    limits: CallLimits = QUICK
    patience_seconds: float = 60
    clock_ahead_seconds: float = 0
    """How wrong this process's wall clock is."""
    clock_jumps_after_seconds: float = 0
    """0: it is wrong from the first moment on."""
    is_deaf_and_dumb: bool = False
    """No stdout, a full disk under its logs and its stderr, no directory for temporary files."""


@dataclass
class SyncingProcess:
    """Starts at once."""

    job: Job
    process: BaseProcess = field(init=False)
    _told: Connection = field(init=False)

    def __post_init__(self) -> None:
        self._told, tells = CONTEXT.Pipe(duplex=False)
        self.process = CONTEXT.Process(target=_sync, args=(self.job, tells), daemon=True)
        self.process.start()
        tells.close()

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def kill(self) -> None:
        """With SIGKILL."""
        self.process.kill()

    def ended(self, seconds: float = 120) -> Mapping[str, Any] | None:
        """What it tells in the end, and nothing is left of it; None where it was killed before."""
        told = self.told(seconds)
        self.close()
        return told

    def told(self, seconds: float = 120) -> Mapping[str, Any] | None:
        """What it tells in the end; None where it was killed before."""
        try:
            return self._told.recv() if self._told.poll(seconds) else None
        except EOFError:
            return None

    def close(self) -> None:
        """It has told, or it never will."""
        if self._told.closed:
            return
        self._told.close()
        self.process.kill()
        self.process.join()
        self.process.close()


def _sync(job: Job, tells: Connection) -> None:
    if job.is_deaf_and_dumb:
        _make_deaf_and_dumb()
    if job.clock_jumps_after_seconds:
        jump = threading.Timer(job.clock_jumps_after_seconds, set_wall_clock, [job.clock_ahead_seconds])
        jump.daemon = True
        jump.start()
    elif job.clock_ahead_seconds:
        set_wall_clock(job.clock_ahead_seconds)
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    warehouse = Warehouse(job.logins, LOADER_ROLE, patience_seconds=job.patience_seconds)
    urls = {"sandbox": job.mx_url, "production": job.mx_url}
    answerer = Answerer(warehouse, Sealer(job.logins.key), urls, f"process {os.getpid()}", limits=job.limits)
    report = answerer.ask_and_answer(
        job.merchant_id, SyncRequest("operator:test", "command", mode=job.mode), phases=job.phases
    )
    warehouse.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tells.send({"outcome": report.outcome, "message": report.message, "idle_kb": idle, "peak_kb": peak})
    tells.close()


def _make_deaf_and_dumb() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, 2)
    os.close(1)
    sys.stdout = None  # type: ignore[assignment] # as Python does itself where it is closed
    logging.basicConfig(
        level=logging.DEBUG, handlers=[logging.FileHandler("/dev/full"), logging.StreamHandler(sys.stderr)]
    )
    os.environ["TMPDIR"] = tempfile.tempdir = "/nowhere"
