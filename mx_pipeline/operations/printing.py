"""Everything that a person or a script reads from a command goes out through here."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.table import Table

MANY_ROWS = 200
"""More than a terminal shows at once, and the drawing of boxes takes a millisecond a row."""
PIPED_WIDTH = 200
"""Columns where stdout is no terminal: no row of ours is wrapped in a file or under `grep`."""
NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What moves a cursor, colours a terminal or turns the direction of writing: names from MX may hold anything."""


def say(text: str) -> None:
    """One line on stdout. Whoever read it may be gone (`| head`): then nobody is told, and work goes on."""
    _write(sys.stdout, text)


def say_json(answer: Mapping[str, object]) -> None:
    """The one JSON object of a command with --json."""
    say(json.dumps(answer))


def say_table(table: Table) -> None:
    """A table on stdout, as wide as the terminal; one of very many rows as wide as its cells."""
    from rich.console import Console

    if table.row_count > MANY_ROWS:
        say("\n".join(_plain(table)))
        return
    is_terminal = sys.stdout.isatty()
    # Names come from people and messages from the vendor: neither is markup.
    console = Console(
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=False,
        width=None if is_terminal else PIPED_WIDTH,
    )
    with console.capture() as drawn:
        console.print(table)
    say("\n".join(line.rstrip() for line in drawn.get().splitlines()).strip("\n"))


def _plain(table: Table) -> Iterator[str]:
    from rich.cells import cell_len

    columns: list[list[str]] = []
    for column in table.columns:
        cells = [str(column.header), *map(str, column.cells)]
        width = max(map(cell_len, cells))
        gaps = [" " * (width - cell_len(cell)) for cell in cells]
        is_right = column.justify == "right"
        columns.append(
            [gap + cell if is_right else cell + gap for cell, gap in zip(cells, gaps, strict=True)]
        )
    for row in zip(*columns, strict=True):
        yield "   ".join(("", *row)).rstrip()


def tell(text: str) -> None:
    """One line on stderr, for the person."""
    _write(sys.stderr, text)


def one_line(text: str) -> str:
    """Without line breaks, so that an error is one line in every log."""
    return " ".join(text.split())


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(f"{NOT_TEXT.sub(_escaped, text)}\n")
        stream.flush()
    except BrokenPipeError:
        # What is left in the buffer would fail again when the interpreter closes the stream.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
