"""Looks at what anybody on the machine, and in the database, can see of our processes while they run."""

from __future__ import annotations

import threading
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType

import psycopg2

LOOK_SECONDS = 0.05
ACTIVITY = "SELECT application_name, query FROM pg_stat_activity WHERE pid <> pg_backend_pid()"


class Watch:
    """A context: every process with `mark` in its environment, and every statement under way."""

    def __init__(self, mark: str, database_url: str) -> None:
        self._mark, self._url = mark.encode(), database_url
        self.command_lines: set[bytes] = set()
        self.environments: set[bytes] = set()
        self.core_limits: dict[bytes, set[str]] = {}
        self.statements: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        with closing(psycopg2.connect(self._url)) as connection:
            connection.autocommit = True
            while not self._ended.wait(LOOK_SECONDS):
                with connection.cursor() as cursor:
                    cursor.execute(ACTIVITY)
                    self.statements |= {f"{name} {query}" for name, query in cursor.fetchall()}
                for process in Path("/proc").glob("[0-9]*"):
                    # It may have ended a moment ago, or be somebody else's.
                    with suppress(OSError):
                        self._look_at(process)

    def _look_at(self, process: Path) -> None:
        environment = (process / "environ").read_bytes()
        if self._mark not in environment:
            return
        command = (process / "cmdline").read_bytes()
        limits = (process / "limits").read_text()
        self.environments.add(environment)
        self.command_lines.add(command)
        (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        self.core_limits.setdefault(command, set()).add(core.split()[4])
