"""CSV and Parquet, part by part, through pandas."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pandas as pd

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.spreadsheet_text import neutral
from mx_pipeline.warehouse.exporting import Column

FORMATS = (".csv", ".parquet")
WATERMARK = "mx_pipeline"
"""Under this name a Parquet file's own metadata say who made it, when and of what."""
DIGITS, DECIMALS = 38, 12
"""Room for every amount that is taken in: below 1e15, with 12 decimals."""

Parts = Iterable[Sequence[Any]]


class Writer(Protocol):
    """Writes rows to an open file, and tells how many."""

    def __call__(self, file: BinaryIO, columns: Sequence[Column], parts: Parts, watermark: str) -> int: ...


def writer_for(target: Path) -> Writer:
    """By the name's ending. Raises BadInput for one that is not written here."""
    if target.suffix not in FORMATS:
        raise BadInput(f"--to must be a file that ends in {' or '.join(FORMATS)}")
    return write_csv if target.suffix == ".csv" else write_parquet


def write_csv(file: BinaryIO, columns: Sequence[Column], parts: Parts, watermark: str) -> int:  # noqa: ARG001 # a line of it would break readers: it goes beside the file
    """UTF-8 with a header; texts are neutral to spreadsheets, numbers stay numbers."""
    names = [column.name for column in columns]
    forms = {column.name: FORMS[column.kind] for column in columns if column.kind in FORMS}
    file.write((",".join(names) + "\n").encode())
    written = 0
    for rows in parts:
        frame = _frame(rows, names)
        for name, form in forms.items():
            frame[name] = frame[name].map(form, na_action="ignore")
        # RFC 4180 inside, one line feed at the end of each row.
        frame.to_csv(file, header=False, index=False, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
        written += len(frame)
    return written


def write_parquet(file: BinaryIO, columns: Sequence[Column], parts: Parts, watermark: str) -> int:
    """Exact: ids as int64, money as decimals, no text changed. Raises BadInput."""
    arrow, parquet = _arrow()
    types = {
        "integer": arrow.int64(),
        "number": arrow.decimal128(DIGITS, DECIMALS),
        "text": arrow.string(),
        "flag": arrow.bool_(),
        "day": arrow.date32(),
        "moment": arrow.timestamp("us", tz="UTC"),
    }
    fields = [arrow.field(column.name, types[column.kind]) for column in columns]
    schema = arrow.schema(fields, metadata={WATERMARK: watermark})
    written = 0
    with parquet.ParquetWriter(file, schema, compression="zstd") as out:
        for rows in parts:
            frame = _frame(rows, [column.name for column in columns])
            try:
                table = arrow.Table.from_pandas(frame, schema=schema, preserve_index=False)
            except (arrow.ArrowInvalid, arrow.ArrowTypeError):
                # Its words quote the value.
                raise BadInput(
                    f"a number has more than {DECIMALS} decimals, which this Parquet file has no room for; "
                    "export to a .csv file"
                ) from None
            out.write_table(table.replace_schema_metadata(schema.metadata))
            written += len(frame)
    return written


def _frame(rows: Sequence[Any], names: Sequence[str]) -> pd.DataFrame:
    # As objects: whatever pandas would guess of numbers, flags and times beside a NULL is wrong.
    return pd.DataFrame([tuple(row) for row in rows], columns=list(names), dtype=object)


def _plain(number: Decimal) -> str:
    return format(number, "f")


def _word(flag: object) -> str:
    return "true" if flag else "false"


def _iso(moment: Any) -> str:
    return moment.isoformat()


FORMS: Mapping[str, Callable[[Any], str]] = {
    "text": lambda value: neutral(str(value)),
    "number": _plain,
    "flag": _word,
    "moment": _iso,
}


def _arrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise BadInput(
            "Parquet needs pyarrow: install it with pip install 'mx_pipeline[parquet]', or export to a .csv file"
        ) from None
