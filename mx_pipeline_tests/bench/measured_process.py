"""
What one process, and the Postgres backends that serve it, have spent: read from /proc, in seconds and bytes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS, POINTS_AT_MOST = 0.5, 20
UTIME, STIME = 11, 12
"""Places in /proc/<pid>/stat after the name in brackets."""


@dataclass(frozen=True)
class Spent:
    """One measured stretch of work."""

    wall_seconds: float
    cpu_seconds: float
    """Of the process: all its threads."""
    backend_cpu_seconds: float
    """Of its Postgres backends, from their start."""
    peak_bytes: int
    """Above what was resident when the stretch began."""
    curve_bytes: list[int]
    """The same at equal distances in time, from beginning to end."""

    def told(self) -> dict[str, Any]:
        return asdict(self)


def spent_by(work: Callable[[], object], backends: Callable[[], Sequence[int]]) -> Spent:
    """Run it once. `backends`: the process ids of its Postgres backends, asked for afterwards."""
    resident = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    ended, curve = threading.Event(), list[int]()
    sampling = threading.Thread(target=_sample, args=(curve, ended, resident))
    sampling.start()
    cpu, wall = time.process_time(), time.monotonic()
    work()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    ended.set()
    sampling.join()
    return Spent(
        wall_seconds=wall,
        cpu_seconds=cpu,
        backend_cpu_seconds=sum(_cpu_seconds(pid) for pid in backends()),
        peak_bytes=_status("VmHWM") - resident,
        curve_bytes=curve[:: -(-len(curve) // POINTS_AT_MOST) or 1],
    )


def _sample(curve: list[int], ended: threading.Event, resident: int) -> None:
    while not ended.wait(SAMPLE_SECONDS):
        curve.append(_status("VmRSS") - resident)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[UTIME]) + int(fields[STIME])) / TICKS_PER_SECOND


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)
