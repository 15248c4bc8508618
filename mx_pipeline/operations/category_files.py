"""A merchant's categories as a CSV file: every name exactly as it is, and back again, all of it or nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.csv_files import csv_rows, whole_text
from mx_pipeline.operations.spreadsheet_text import neutral, original
from mx_pipeline.warehouse.categories import check_category, check_name

HEADER = ["product_name", "category"]


def as_csv(categories: Iterable[tuple[str, str]]) -> bytes:
    """UTF-8; a text that a spreadsheet could take for a formula has a mark, which `from_csv` takes off."""
    told = io.StringIO()
    writer = csv.writer(told, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows([neutral(name), neutral(category)] for name, category in categories)
    return told.getvalue().encode()


def from_csv(path: Path) -> dict[str, str]:
    """Product name to category. Raises BadInput with the line of the first thing that is wrong."""
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, row in csv_rows(path.name, whole_text(path), HEADER):
        if len(row) != len(HEADER):
            raise BadInput(
                f"{path.name}, line {line}: {len(row)} columns where there are 2, {' and '.join(HEADER)}; a name with "
                "a comma stands in double quotes"
            )
        name, category = (_unmarked(text) for text in row)
        try:
            check_name(name)
            check_category(category)
        except BadInput as error:
            raise BadInput(f"{path.name}, line {line}: {error}") from None
        if found.setdefault(name, category) != category:
            raise BadInput(
                f"{path.name}, line {line}: the product {name[:60]!r} has another category in line {lines[name]}; keep "
                "one of the two"
            )
        lines.setdefault(name, line)
    return found


def _unmarked(text: str) -> str:
    """Without the apostrophe that `as_csv` put there; a person's own stays."""
    plain = original(text)
    return plain if neutral(plain) == text else text
