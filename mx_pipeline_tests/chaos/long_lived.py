"""What is up for all of a soak: an installation whose memory is looked at, and one more worker, which dies often."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from mx_pipeline_tests.fakes.installation import HELPERS, RUN, Installation

WARM_SECONDS = 120
"""By then each process has imported what it needs; what it takes later, it grows by."""
CHILDREN = 3
END_SECONDS = 90
MOST_GROWTH, MOST_GROWN_BYTES = 1.10, 16_000_000


@dataclass(frozen=True)
class OneProcess:
    """A process that may have ended, and whose number may be another's by now: psutil looks."""

    process: psutil.Process

    def signal(self, number: signal.Signals) -> None:
        with suppress(psutil.NoSuchProcess):
            self.process.send_signal(number)


@dataclass
class Worker:
    """A warm worker that somebody starts again whenever it is gone, as a machine's own supervisor would."""

    environment: Mapping[str, str]
    log: Path
    starts: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def keep_up(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self.starts += 1
            program = [sys.executable, "-m", "mx_pipeline.operations", "worker", "--children", str(CHILDREN)]
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    program, env=dict(self.environment), start_new_session=True, stdout=log, stderr=log
                )

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def one_child(self, dice: random.Random) -> OneProcess | None:
        if self._process is None or self._process.poll() is not None:
            return None
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._process.pid).children()
            return OneProcess(dice.choice(children)) if children else None
        return None

    def end(self) -> None:
        self.signal(signal.SIGTERM)
        if self._process is not None:
            self._process.wait(END_SECONDS)


@dataclass
class Memory:
    """Bytes of each kind of process, by time."""

    began: float = field(default_factory=time.monotonic)
    seen: dict[str, list[tuple[float, float]]] = field(default_factory=dict[str, list[tuple[float, float]]])
    numbers: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    """Of the processes that were seen: more than there are at once where some ended and were started again."""

    def look(self, installation: Installation) -> None:
        at = time.monotonic() - self.began
        for name, sizes in installation.memory().items():
            if name != RUN and not name.startswith(HELPERS):
                self.seen.setdefault(name, []).append((at, sum(sizes.values()) / len(sizes)))
                self.numbers.setdefault(name, set()).update(sizes)

    def thirds(self) -> dict[str, dict[str, Any]]:
        """Of the time when all was warm: the median of its first third against that of its last."""
        end = max((at for looks in self.seen.values() for at, _ in looks), default=0.0)
        warm = min(WARM_SECONDS, end / 4)
        third = (end - warm) / 3
        told = dict[str, dict[str, Any]]()
        for name, looks in sorted(self.seen.items()):
            first = [size for at, size in looks if warm <= at < warm + third]
            last = [size for at, size in looks if at >= end - third]
            if first and last:
                before, after = median(first), median(last)
                is_flat = after <= before * MOST_GROWTH or after - before <= MOST_GROWN_BYTES
                told[name] = {
                    "processes_seen": len(self.numbers[name]),
                    "first_third_mb": round(before / 1e6, 1),
                    "last_third_mb": round(after / 1e6, 1),
                    "is_flat": is_flat,
                }
        return told
