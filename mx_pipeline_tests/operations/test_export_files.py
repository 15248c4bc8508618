"""Files for spreadsheets and notebooks: nothing half-written, nothing changed, nothing that calculates."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.export_files import writer_for
from mx_pipeline.operations.spreadsheet_text import neutral, original
from mx_pipeline.operations.whole_files import whole_file
from mx_pipeline.warehouse.exporting import Column

COLUMNS = [
    Column("id", "integer"),
    Column("money", "number"),
    Column("words", "text"),
    Column("is_so", "flag"),
    Column("day", "day"),
    Column("at", "moment"),
]
AT = datetime(2026, 3, 1, 12, 30, 15, 123456, UTC)
ROWS: list[tuple[Any, ...]] = [
    (9_007_199_254_740_993, Decimal("-12.30"), 'two\nlines, "quoted"', True, date(2026, 3, 1), AT),
    (2**63 - 1, Decimal("999999999999999.123456789012"), "é 漢字 🙂", False, date(1999, 12, 31), AT),
    (-1, Decimal("1E+2"), "=1+1", None, None, None),
    (None, Decimal("0.000000000001"), "'quoted already", None, None, None),
    (0, None, None, None, None, None),
]
FORMULAS = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "\u200b=1", "\ufeff=1", "\u3000\uff1d1",
    "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM", "﹢1", "﹣1", "﹦1", "﹫1", "\u22121", "|cmd", "%0A=1",
    "=HYPERLINK(\"x\")",
    "-2+3+cmd|' /C calc'!A0", "'=1",
)  # fmt: skip


def written(target: Path, rows: list[tuple[Any, ...]], *, replaces: bool = False) -> int:
    with whole_file(target, replaces=replaces) as file:
        return writer_for(target)(file, COLUMNS, [rows[:2], rows[2:]], '{"who": "me"}')


def test_s23_parquet_gives_back_every_value_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "rows.parquet"

    assert written(target, ROWS) == len(ROWS)

    frame = pd.read_parquet(target, dtype_backend="pyarrow")
    assert [str(kind) for kind in frame.dtypes] == [
        "int64[pyarrow]",
        "decimal128(38, 12)[pyarrow]",
        "string[pyarrow]",
        "bool[pyarrow]",
        "date32[day][pyarrow]",
        "timestamp[us, tz=UTC][pyarrow]",
    ]
    back = [
        tuple(None if pd.isna(value) else value for value in row) for row in frame.itertuples(index=False)
    ]
    assert back == ROWS


def test_s23_csv_gives_back_every_value_and_neutral_texts(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"

    written(target, ROWS)

    frame = pd.read_csv(target, dtype=str, keep_default_na=False, na_values=[""])
    assert frame["id"].dropna().map(int).tolist() == [row[0] for row in ROWS if row[0] is not None]
    assert frame["money"].dropna().map(Decimal).tolist() == [row[1] for row in ROWS if row[1] is not None]
    assert frame["words"].dropna().map(original).tolist() == [row[2] for row in ROWS if row[2] is not None]
    assert frame["is_so"].tolist()[:2] == ["true", "false"]
    assert frame["day"].tolist()[:2] == ["2026-03-01", "1999-12-31"]
    assert pd.Timestamp(frame["at"][0]) == pd.Timestamp(AT)
    assert frame["words"][2] == "'=1+1"
    assert frame["money"][0] == "-12.30"
    assert frame["money"][2] == "100"
    assert frame.iloc[4].isna().tolist() == [False, True, True, True, True, True]


@pytest.mark.parametrize("formula", FORMULAS)
def test_s23_what_a_spreadsheet_could_calculate_is_text(formula: str) -> None:
    assert neutral(formula) == f"'{formula}"
    assert original(neutral(formula)) == formula


@given(st.text())
def test_s23_a_text_comes_back_and_never_begins_a_formula(text: str) -> None:
    told = neutral(text)

    assert original(told) == text
    assert not told.strip().startswith(("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20"))


@pytest.mark.parametrize(
    "text", ["Botox 50 units", "café", "(312) 555-0100", "$5", "", "漢字", "1-2", "A=B", "3%"]
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert neutral(text) == text


def test_a_file_is_readable_by_its_owner_alone_and_says_who_made_it(tmp_path: Path) -> None:
    from pyarrow import parquet

    target = tmp_path / "rows.parquet"
    written(target, ROWS)

    assert target.stat().st_mode & 0o777 == 0o600
    metadata = parquet.read_schema(target).metadata
    assert json.loads(metadata[b"mx_pipeline"]) == {"who": "me"}


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_what_breaks_off_leaves_nothing(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    target.write_bytes(b"before")

    def breaking() -> Iterator[list[tuple[Any, ...]]]:
        yield ROWS
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), whole_file(target, replaces=True) as file:
        writer_for(target)(file, COLUMNS, breaking(), "{}")

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert target.read_bytes() == b"before"


def test_a_part_is_written_before_the_next_is_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    sizes: list[int] = []

    with whole_file(target, replaces=False) as file:

        def watched() -> Iterator[list[tuple[Any, ...]]]:
            for _ in range(20):
                sizes.append(file.tell())
                yield ROWS * 100

        writer_for(target)(file, COLUMNS, watched(), "{}")

    assert sizes == sorted(set(sizes))


def test_a_file_that_is_there_is_replaced_only_when_told(tmp_path: Path) -> None:
    target = tmp_path / "rows.csv"
    written(target, ROWS)

    with pytest.raises(BadInput, match="--replace"):
        written(target, ROWS)
    written(target, ROWS[:3], replaces=True)

    with target.open(newline="") as file:
        assert len(list(csv.reader(file))) == 1 + 3


@pytest.mark.parametrize("name", ["rows.xlsx", "rows", "nowhere/rows.csv"])
def test_s13_a_place_that_cannot_be_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        written(tmp_path / name, ROWS)


def test_a_number_without_room_in_parquet_is_refused_without_its_value(tmp_path: Path) -> None:
    target = tmp_path / "rows.parquet"
    long = Decimal("0.1234567890123")

    with pytest.raises(BadInput, match=r"\.csv") as refused:
        written(target, [(1, long, None, None, None, None)] * 3)

    assert str(long) not in f"{refused.value} {refused.value.__cause__}"
    assert list(tmp_path.iterdir()) == []
