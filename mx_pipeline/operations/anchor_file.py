"""The anchor: how far each chain of the audit log went, one line of JSON each, in a file that is kept elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.audit_chain import ChainEnd


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the file."""

    merchant_id: int
    entry: int
    hash: str
    at: datetime


def read_anchors(path: Path) -> list[ChainEnd]:
    """Every line that was ever written. Raises BadInput, which names the line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise BadInput(f"the anchor {path} cannot be read: {error.strerror}") from None
    ends: list[ChainEnd] = []
    for number, line in enumerate(lines, start=1):
        try:
            told = msgspec.json.decode(line, type=Line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise BadInput(f"line {number} of the anchor {path} is none that audit anchor writes") from None
        ends.append(ChainEnd(told.merchant_id, told.entry, told.hash, told.at))
    return ends


def write_anchors(path: Path, ends: Iterable[ChainEnd]) -> None:
    """Add lines at the end and nowhere else. Raises BadInput."""
    lines = [Line(end.merchant_id, end.entry, end.hash, end.at) for end in ends]
    try:
        with path.open("ab") as file:
            file.write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise BadInput(f"the anchor {path} cannot be written: {error.strerror}") from None
