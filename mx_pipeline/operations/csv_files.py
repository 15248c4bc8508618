"""CSV files that people bring: UTF-8, a first line with the columns' names, and each row with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from mx_pipeline.errors import BadInput

MOST_BYTES = 20_000_000


def whole_text(path: Path) -> bytes:
    """The file as it is. Raises BadInput."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(f"{path.name} has more than {MOST_BYTES // 1_000_000} MB; split it")
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read ({error.strerror}); give a CSV file") from None


def csv_rows(name: str, content: bytes, header: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows below the first line, which has to be the header, each with the line it begins in.

    Raises BadInput with a line, and quotes nothing of it: it may hold a key.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadInput(f"{name}, line {line}: this is not UTF-8; save the file as CSV UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if next(reader, None) != list(header):
            raise BadInput(f"{name}, line 1: the first line has to be {','.join(header)}")
        end = reader.line_num
        for row in reader:
            begun, end = end + 1, reader.line_num
            if row:
                yield begun, row
    except csv.Error as error:
        raise BadInput(
            f"{name}, line {reader.line_num}: this is no CSV ({error}); look at its quotes"
        ) from None
