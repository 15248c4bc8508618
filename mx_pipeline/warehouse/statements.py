"""Finds the named SQL statements; SQL is written in .sql files and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text

NAME_LINE = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def statements(page: str) -> Mapping[str, TextClause]:
    """The statements of `sql/<page>.sql` by name; parameters are SQLAlchemy's `:name`."""
    source = sql_text(f"{page}.sql")
    parts = NAME_LINE.split(source)[1:]
    return {name: text(body.strip()) for name, body in zip(parts[::2], parts[1::2], strict=True)}


def sql_text(name: str) -> str:
    """One file of the `sql` folder, as it stands."""
    return (files("mx_pipeline.warehouse") / "sql" / name).read_text(encoding="utf-8")
