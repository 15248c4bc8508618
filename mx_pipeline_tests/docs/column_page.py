"""`docs/columns.md`: every relation of the schema and what its columns mean, as the database itself says it."""

from __future__ import annotations

from contextlib import closing
from itertools import groupby

import psycopg2

HEAD = """# Columns

Made from the schema's comments by `make docs`; a test compares. First what people with SQL read (`docs/people.md`),
column by column; then what the program keeps for itself.
"""
READERS = ("mx_analyst", "mx_investor")
RELATIONS = """
SELECT cls.relname, obj_description(cls.oid, 'pg_class'),
       coalesce((SELECT string_agg(reader, ', ') FROM unnest(%s) AS reader
                  WHERE has_any_column_privilege(reader, cls.oid, 'SELECT')), '')
  FROM pg_class AS cls
 WHERE cls.relnamespace = 'mx'::regnamespace AND cls.relkind IN ('r', 'p', 'v') AND NOT cls.relispartition
 ORDER BY 1
"""
COLUMNS = """
SELECT cls.relname, att.attname,
       regexp_replace(format_type(att.atttypid, att.atttypmod), '^mx[.]exact_number$', 'numeric'),
       col_description(cls.oid, att.attnum)
  FROM pg_class AS cls
  JOIN pg_attribute AS att ON att.attrelid = cls.oid AND att.attnum > 0 AND NOT att.attisdropped
 WHERE cls.relnamespace = 'mx'::regnamespace
   AND cls.relkind IN ('r', 'p', 'v')
   AND EXISTS (SELECT FROM unnest(%s) AS reader WHERE has_column_privilege(reader, cls.oid, att.attnum, 'SELECT'))
 ORDER BY cls.relname, att.attnum
"""


def _asked(url: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(RELATIONS, (list(READERS),))
        relations = cursor.fetchall()
        cursor.execute(COLUMNS, (list(READERS),))
        return relations, cursor.fetchall()


def without_a_comment(url: str) -> list[str]:
    """Relations, and columns that people with SQL read."""
    relations, columns = _asked(url)
    named = [name for name, meaning, _ in relations if not meaning]
    return named + [f"{table}.{column}" for table, column, _, meaning in columns if not meaning]


def page(url: str) -> str:
    """The whole page."""
    relations, columns = _asked(url)
    meanings = {name: (meaning, readers) for name, meaning, readers in relations}
    parts = [HEAD]
    for table, rows in groupby(columns, key=lambda row: row[0]):
        meaning, readers = meanings.pop(table)
        lines = [f"| `{column}` | {kind} | {told} |" for _, column, kind, told in rows]
        head = (
            f"## mx.{table}\n\n{meaning} Read by `{readers}`.\n\n| column | type | meaning |\n|---|---|---|"
        )
        parts.append("\n".join([head, *lines, ""]))
    kept = [f"| `mx.{name}` | {meaning} |" for name, (meaning, _) in meanings.items()]
    parts.append(
        "\n".join(["## What the program keeps for itself\n", "| table | a row |", "|---|---|", *kept, ""])
    )
    return "\n".join(parts)
