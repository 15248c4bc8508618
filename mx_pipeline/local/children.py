"""
The processes that one machine runs for us: started together, watched, and stopped together.

Each has a session of its own, so that Ctrl-C reaches them through us, in our order; where the kernel
offers it (Linux), they end with us however we end.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from mx_pipeline.errors import LocalFailed

PR_SET_PDEATHSIG = 1
STOP_SECONDS = 20
"""Dagster's daemon finishes the tick that it is in."""
READY_SECONDS = 90
"""The code server imports Dagster and our definitions: 4 s on an idle machine, many times that on a full one."""
POLL_SECONDS = 0.1
LOG_LINES_SHOWN = 15

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass
class Child:
    """One process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_seconds: float

    def last_words(self) -> str:
        """The end of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES_SHOWN:])


@dataclass
class Children:
    """A context: what was started in it is stopped at its end, the last first."""

    logs: Path
    environment: Mapping[str, str]
    started: list[Child] = field(default_factory=list[Child])

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        stop_seconds: float = STOP_SECONDS,
        hands: socket.socket | None = None,
    ) -> Child:
        """Start one; its output goes to `<logs>/<name>.log`. It is killed `stop_seconds` after SIGTERM.

        `hands`: a socket that it inherits, under the same number.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                start_new_session=True,
                preexec_fn=end_with_the_parent,  # two calls into libc, no lock
                pass_fds=() if hands is None else (hands.fileno(),),
            )
        child = Child(name, process, log, stop_seconds)
        self.started.append(child)
        return child

    def wait_until(self, is_ready: Callable[[], bool], *, what: str, seconds: float = READY_SECONDS) -> None:
        """Wait for something; raises LocalFailed when a child ends meanwhile, or time runs out."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise LocalFailed(
                    f"{what} did not happen within {seconds:.0f} s; the logs are in {self.logs}"
                )
            time.sleep(POLL_SECONDS)

    def check(self) -> None:
        """Raise LocalFailed, with its last words, if one has ended by itself."""
        for child in self.started:
            code = child.process.poll()
            if code is not None:
                raise LocalFailed(
                    f"{child.name} ended by itself with code {code}; the end of {child.log}:\n{child.last_words()}"
                )

    def stop(self) -> None:
        """Stop all, the last started first, and whatever they have started themselves."""
        for child in reversed(self.started):
            _signal_group(child, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(child.stop_seconds)
            _signal_group(child, signal.SIGKILL)
            child.process.wait()
        self.started.clear()

    def __enter__(self) -> Children:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops all."""
        self.stop()


def _signal_group(child: Child, number: signal.Signals) -> None:
    """The session's id is the child's pid, and stays taken while any of its processes lives."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.process.pid, number)


def end_with_the_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """In a new process, before its program: where the kernel offers it, it is told to end when its parent does."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, number)
