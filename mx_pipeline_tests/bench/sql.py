"""SQL as the superuser of the bench's own Postgres."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2


@contextmanager
def cursor_at(url: str) -> Generator[Any]:
    """One connection, one transaction."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        yield cursor


def rows(url: str, statement: str, *parameters: object) -> list[Any]:
    with cursor_at(url) as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def column(url: str, statement: str, *parameters: object) -> list[Any]:
    return [row[0] for row in rows(url, statement, *parameters)]


def run(url: str, statement: str) -> None:
    with cursor_at(url) as cursor:
        cursor.execute(statement)


def drop_database(url: str, name: str) -> None:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True  # before the first cursor opens a transaction
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
