"""One row per merchant in every table that has a merchant, made from the catalogue, so that a new table has one too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql

ONE, OTHER = 1_000_000_001, 1_000_000_002
PERSON = "00000000-0000-4000-8000-000000000001"
TABLES = """
    SELECT cls.relname
      FROM pg_class AS cls JOIN pg_attribute AS att ON att.attrelid = cls.oid AND att.attname = 'merchant_id'
     WHERE cls.relnamespace = 'mx'::regnamespace AND cls.relkind = 'r'
     ORDER BY cls.relname"""
COLUMNS = """
    SELECT attname, format_type(CASE typ.typtype WHEN 'd' THEN typ.typbasetype ELSE typ.oid END, NULL),
           (SELECT string_agg(pg_get_constraintdef(chk.oid), ' ') FROM pg_constraint AS chk
             WHERE chk.conrelid = attrelid AND chk.contype = 'c' AND chk.conkey = ARRAY[attnum])
      FROM pg_attribute JOIN pg_type AS typ ON typ.oid = atttypid
      LEFT JOIN pg_constraint AS key ON key.conrelid = attrelid AND key.contype = 'p'
     WHERE attrelid = ('mx.' || %s)::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
       AND (attnotnull AND (NOT atthasdef OR attnum = ANY (key.conkey)) OR attname = ANY (%s))
     ORDER BY attnum"""
VALUES: dict[str, str] = {
    "bigint": "1",
    "smallint": "1",
    "integer": "1",
    "numeric": "1",
    "double precision": "1",
    "text": "'x'",
    "boolean": "false",
    "jsonb": "'{}'",
    "bytea": "'\\x01'",
    "uuid": f"'{PERSON}'",
    "date": "'2026-03-01'",
    "timestamp with time zone": "'2026-03-01 12:00Z'",
    "bigint[]": "'{}'",
    "integer[]": "'{}'",
    "text[]": "'{}'",
}
BY_HAND: dict[tuple[str, str], str] = {
    ("audit_log", "actor"): "'process:test'",
    ("category_overrides", "product_name"): "'x'",
    ("category_shares", "name_hash"): "sha256('')",
    ("category_rules", "pattern"): "'x'",
    ("invitations", "email"): "'a@b.invalid'",
    ("invitations", "secret_hash"): "sha256('')",
    ("mx_merchant_configs", "timezone"): "'UTC'",
    ("payments", "invoice_reference"): "'1'",
    ("payments", "status"): "'Settled'",
    ("webhook_keys", "key_hash"): "sha256('')",
    ("webhook_inbox", "body_hash"): "sha256('')",
    ("webhook_inbox", "mx_payment_id"): "1",
}
"""Columns whose check the catalogue cannot answer for us, and what a view must find to show a row."""
FIRST_WORD = re.compile(r"= ANY \(ARRAY\['([^']+)'")


@dataclass(frozen=True)
class MadeRow:
    """How a table's row for a merchant is written."""

    table: str
    columns: tuple[str, ...]
    values: tuple[str, ...]

    def insert(self, merchant_id: int, *, columns: frozenset[str] | None = None, end: str = "") -> Any:
        """Into all columns, or those alone that a role may write."""
        chosen = [
            (name, str(merchant_id) if name == "merchant_id" else value)
            for name, value in zip(self.columns, self.values, strict=True)
            if columns is None or name in columns
        ]
        return sql.SQL("INSERT INTO mx.{} ({}) OVERRIDING SYSTEM VALUE VALUES ({}) {}").format(
            sql.Identifier(self.table),
            sql.SQL(", ").join(sql.Identifier(name) for name, _ in chosen),
            sql.SQL(", ".join(value for _, value in chosen)),
            sql.SQL(end),
        )


def made_rows(cursor: Any) -> list[MadeRow]:
    """One for each tenant table."""
    cursor.execute(TABLES)
    return [_made(cursor, table) for (table,) in cursor.fetchall()]


def fill(cursor: Any) -> list[MadeRow]:
    """As the superuser: every tenant table gets a row of each merchant, the same but for the merchant."""
    cursor.execute("SET LOCAL session_replication_role = replica")
    cursor.execute("SELECT to_regclass('mx.users') IS NOT NULL")
    if cursor.fetchone()[0]:
        cursor.execute(
            "INSERT INTO mx.users (id, email, platform_role) VALUES (%s, 'a@b.invalid', 'super_admin')",
            (PERSON,),
        )
    rows = made_rows(cursor)
    for row in rows:
        for merchant_id in (ONE, OTHER):
            cursor.execute(row.insert(merchant_id))
    cursor.execute("SET LOCAL session_replication_role = origin")
    return rows


def _made(cursor: Any, table: str) -> MadeRow:
    cursor.execute(COLUMNS, (table, [name for told, name in BY_HAND if told == table]))
    columns = cursor.fetchall()
    values = [BY_HAND.get((table, name)) or _value(type_name, check) for name, type_name, check in columns]
    return MadeRow(table, tuple(column[0] for column in columns), tuple(values))


def _value(type_name: str, check: str | None) -> str:
    word = FIRST_WORD.search(check or "")
    return f"'{word[1]}'" if word else VALUES[type_name]
