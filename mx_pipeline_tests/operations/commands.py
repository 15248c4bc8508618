"""Runs `mx-pipeline` as a person does: its own process, its own environment, two separate streams."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PROGRAM = Path(sys.executable).parent / "mx-pipeline"
PATIENCE_SECONDS = 30


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """The one JSON object that stdout is."""
        answer = json.loads(self.out)
        assert isinstance(answer, dict)
        return answer

    @property
    def runs(self) -> list[dict[str, Any]]:
        return self.answer["runs"]

    @property
    def sentence(self) -> str:
        """The one line on stderr that an error is."""
        (line,) = self.err.splitlines()
        assert "Traceback" not in line
        assert self.out == ""
        return line.removeprefix("mx-pipeline: ")


@dataclass
class CommandLine:
    """One environment, in which commands are run."""

    environment: dict[str, str] = field(default_factory=dict)

    def but(self, **changes: str | None) -> CommandLine:
        """The same environment with variables set, or unset where None."""
        changed: Mapping[str, str | None] = {**self.environment, **changes}
        return CommandLine({name: value for name, value in changed.items() if value is not None})

    def __call__(self, *arguments: object) -> Ran:
        with self.started(*arguments) as process:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return Ran(process.returncode, out, err)

    def started(self, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, *map(str, arguments)],
            env=self.environment,
            text=True,
            **{"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )

    def on_a_terminal(self, *arguments: object, typed: Sequence[tuple[str, str]] = ()) -> Ran:
        """Stdin and stderr are a terminal, whose screen is `err`; stdout is a pipe.

        `typed`: after which words on the screen what is typed; what comes before its prompt is thrown away.
        """
        ours, theirs = pty.openpty()
        screen, waiting = "", list(typed)
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self.started(*arguments, stdin=theirs, stderr=theirs, start_new_session=True) as process:
            os.close(theirs)
            try:
                with suppress(OSError):  # the other side is closed
                    while select.select([ours], [], [], max(0, deadline - time.monotonic()))[0]:
                        screen += os.read(ours, 4096).decode()
                        if waiting and waiting[0][0] in screen:
                            os.write(ours, f"{waiting.pop(0)[1]}\n".encode())
                out, _ = process.communicate(timeout=5)
            finally:
                process.kill()
                os.close(ours)
        return Ran(process.returncode, out, screen)
