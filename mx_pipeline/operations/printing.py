"""Everything that a person or a script reads from a command goes out through here."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

PIPED_WIDTH = 200
"""Columns where stdout is no terminal: no row of ours is wrapped in a file or under `grep`."""


def say(text: str) -> None:
    """One line on stdout. Whoever read it may be gone (`| head`): then nobody is told, and work goes on."""
    _write(sys.stdout, text)


def say_json(answer: Mapping[str, object]) -> None:
    """The one JSON object of a command with --json."""
    say(json.dumps(answer))


def say_table(table: RenderableType) -> None:
    """A table on stdout, as wide as the terminal."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    # Names come from people and messages from the vendor: neither is markup.
    console = Console(markup=False, emoji=False, highlight=False, width=None if is_terminal else PIPED_WIDTH)
    with console.capture() as drawn:
        console.print(table)
    say("\n".join(line.rstrip() for line in drawn.get().splitlines()).strip("\n"))


def tell(text: str) -> None:
    """One line on stderr, for the person."""
    _write(sys.stderr, text)


def one_line(text: str) -> str:
    """Without line breaks, so that an error is one line in every log."""
    return " ".join(text.split())


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:
        # What is left in the buffer would fail again when the interpreter closes the stream.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
