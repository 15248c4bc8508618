"""The tables as the human-readable page describes them, read from the page itself: no database is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from mx_pipeline.warehouse.statements import sql_text

TABLE = re.compile(r"^CREATE TABLE mx\.(\w+) \((.*?)^\);", re.MULTILINE | re.DOTALL)
COLUMN = re.compile(r"^    ([a-z][a-z0-9_]*) +(\S+?)(?=,| |$)(.*)", re.MULTILINE)
COMMENT = re.compile(
    r"^COMMENT ON (?:TABLE|COLUMN) mx\.(\w+)(?:\.(\w+))? IS\s+'((?:[^']|'')*)';", re.MULTILINE
)
NEVER_NULL = ("NOT NULL", "PRIMARY KEY")


@dataclass(frozen=True)
class Column:
    """One column and what it means."""

    name: str
    type: str
    is_nullable: bool
    meaning: str


@dataclass(frozen=True)
class Table:
    """One table and what a row of it is."""

    name: str
    meaning: str
    columns: tuple[Column, ...]


@cache
def tables() -> Mapping[str, Table]:
    """Every table of the schema `mx` by its bare name; without a comment the meaning is empty."""
    page = sql_text("schema.sql")
    meanings = {(table, column): text.replace("''", "'") for table, column, text in COMMENT.findall(page)}
    return {
        name: Table(name, meanings.get((name, ""), ""), tuple(_columns(name, body, meanings)))
        for name, body in TABLE.findall(page)
    }


def _columns(table: str, body: str, meanings: Mapping[tuple[str, str], str]) -> Iterator[Column]:
    for name, kind, rest in COLUMN.findall(body):
        is_nullable = not any(words in rest for words in NEVER_NULL)
        yield Column(name, kind, is_nullable, meanings.get((table, name), ""))
