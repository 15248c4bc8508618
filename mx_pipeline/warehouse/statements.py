"""Finds the named SQL statements; SQL is written in .sql files and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text

HEAD_LINE = re.compile(r"^-- (name|part): (\w+)\s*$", re.MULTILINE)
WITH_LINE = re.compile(r"^-- with: (\w+)\s*$", re.MULTILINE)


@cache
def statements(page: str) -> Mapping[str, TextClause]:
    """The statements of `sql/<page>.sql` by name; parameters are SQLAlchemy's `:name`.

    What several of them begin with stands once, as `-- part: <name>`, and is put where one says `-- with: <name>`.
    """
    pieces = HEAD_LINE.split(sql_text(f"{page}.sql"))[1:]
    bodies = list(zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True))
    parts = {name: body.strip() for kind, name, body in bodies if kind == "part"}
    wholes = {
        name: WITH_LINE.sub(lambda line: parts[line[1]], body.strip())
        for kind, name, body in bodies
        if kind == "name"
    }
    return {name: text(whole) for name, whole in wholes.items()}


def sql_text(name: str) -> str:
    """One file of the `sql` folder, as it stands."""
    return (files("mx_pipeline.warehouse") / "sql" / name).read_text(encoding="utf-8")
