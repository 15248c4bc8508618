"""Keeps the warm children alive: one that dies is replaced, and on SIGTERM each finishes its page."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

from mx_pipeline.local.children import end_with_the_parent
from mx_pipeline.local.dagster_parts import dagster_environment
from mx_pipeline.seeing.channels import channel_of
from mx_pipeline.seeing.logs import log_to_stderr
from mx_pipeline.seeing.serving_metrics import metrics_served
from mx_pipeline.seeing.tracing import wants_traces
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.logins import logins_of
from mx_pipeline.worker.unanswered import unanswered_noticed

logger = logging.getLogger(__name__)

CHILDREN = 4
FINISH_SIGNAL = signal.SIGUSR1
"""Dagster keeps SIGTERM and SIGINT for itself while a run goes on, and breaks the run off."""
GRACE_SECONDS = 60
"""A page is written within seconds; a database that is away may hold one up."""
LOOK_SECONDS = 0.2
SHORT_LIFE_SECONDS = 10
LONGEST_PAUSE_SECONDS = 30
"""Between two starts of a child that dies at once, for example because the database refuses its login."""


@dataclass
class Place:
    """One child's place; whoever sits in it takes the same lanes."""

    number: int
    lowest_lane: int
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    short_lives: int = 0
    not_before: float = 0.0

    def pause_seconds(self) -> float:
        """Before the next start: none after a long life, doubled with each short one."""
        return min(2.0 ** (self.short_lives - 1), LONGEST_PAUSE_SECONDS) if self.short_lives else 0.0


@dataclass
class Supervisor:
    """The parent of the children; it asks no database and answers no request itself."""

    environment: Mapping[str, str]
    places: list[Place]
    _is_stopping: bool = field(default=False, init=False)

    @classmethod
    def of(cls, environment: Mapping[str, str], children: int = CHILDREN) -> Supervisor:
        """One child in four is kept for people and webhooks, and another one from backfills."""
        lanes = [lowest_lane(number, children) for number in range(children)]
        return cls(environment, [Place(number, lane) for number, lane in enumerate(lanes)])

    def run(self) -> int:
        """Until SIGTERM or Ctrl-C; then until the last page is written."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        try:
            while not self._is_stopping:
                for place in self.places:
                    self._keep(place)
                time.sleep(LOOK_SECONDS)
        finally:
            self._end()
        return 0

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True

    def _keep(self, place: Place) -> None:
        now = time.monotonic()
        if place.process is not None:
            code = place.process.poll()
            if code is None:
                return
            lived = now - place.started_at
            place.short_lives = place.short_lives + 1 if lived < SHORT_LIFE_SECONDS else 0
            place.process, place.not_before = None, now + place.pause_seconds()
            logger.warning("a child ended by itself", extra={"child": place.number, "exit_code": code})
        if now >= place.not_before:
            place.process, place.started_at = self._start(place), now

    def _start(self, place: Place) -> subprocess.Popen[bytes]:
        name = f"worker {socket.gethostname()}:{os.getpid()}.{place.number}"
        return subprocess.Popen(
            [sys.executable, "-m", "mx_pipeline.worker.child", name, str(place.lowest_lane)],
            stdin=subprocess.DEVNULL,
            env=dict(self.environment),
            start_new_session=True,  # Ctrl-C reaches the children through us
            preexec_fn=end_with_the_parent,
        )

    def _end(self) -> None:
        running = [place.process for place in self.places if place.process is not None]
        for process in running:
            with suppress(ProcessLookupError):
                process.send_signal(FINISH_SIGNAL)
        deadline = time.monotonic() + GRACE_SECONDS
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - time.monotonic(), 0.1))
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def run_worker(children: int = CHILDREN, *, metrics_port: int | None = None) -> int:
    """What `mx-pipeline worker` does. Raises BadSettings before anything is started."""
    log_to_stderr(of_ours=logging.INFO)
    settings = Settings.from_environment()
    logins_of(settings)
    settings.dagster_storage_url()
    channel_of()
    wants_traces(os.environ)
    with unanswered_noticed(settings), metrics_served(settings, metrics_port):
        return Supervisor.of(dagster_environment(os.environ), children).run()


def lowest_lane(number: int, children: int) -> int:
    """1 is for people and webhooks, 2 for the schedule, 3 for backfills; a worker of one child takes all."""
    if children == 1:
        return 3
    if number == 0:
        return 1
    return 2 if number == 1 and children > 2 else 3
