"""Everything that a role can try on a relation for a merchant that is not its own, and what of it works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql

from mx_pipeline.warehouse.logins import APP_ROLE
from mx_pipeline_tests.isolation.rows import ONE, OTHER, MadeRow

REFUSED = frozenset({
    "42501",  # no privilege, or a policy
    "0A000",  # not through this view
    "55000",  # a view that takes no such write
    "428C9",  # a generated column
    "42809",  # a view, where only a table will do
})  # fmt: skip
RELATIONS = """
    SELECT cls.relname, array_agg(att.attname ORDER BY att.attnum)
      FROM pg_class AS cls JOIN pg_attribute AS att ON att.attrelid = cls.oid
     WHERE cls.relnamespace = 'mx'::regnamespace AND cls.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND att.attnum > 0 AND NOT att.attisdropped
     GROUP BY cls.relname HAVING 'merchant_id' = ANY (array_agg(att.attname))"""


@dataclass(frozen=True)
class Crossing:
    """Something that should not have worked, or was refused in words that tell."""

    verb: str
    relation: str
    result: int | str
    told: str


@dataclass(frozen=True)
class Attacker:
    """A role inside a transaction that is rolled back, with whatever it has set for itself."""

    cursor: Any
    role: str
    settings: dict[str, str | None]

    def tries(self, statement: Any) -> int | str:
        """How many rows it found or changed, or the state that it was refused with."""
        self.cursor.execute("SAVEPOINT attempt")
        try:
            for name, value in self.settings.items():
                if value is not None:
                    self.cursor.execute("SELECT set_config(%s, %s, true)", (name, value))
            self.cursor.execute(
                sql.SQL("SET LOCAL SESSION AUTHORIZATION {}").format(sql.Identifier(self.role))
            )
            if self.role == APP_ROLE:
                entered = [self.settings.get(name) or "" for name in ("mx.merchant_id", "mx.user_id")]
                self.cursor.execute("SELECT mx.enter(%s, %s)", entered)
            self.cursor.execute(statement)
            if self.cursor.description is None:
                return self.cursor.rowcount
            return int(self.cursor.fetchone()[0])
        except psycopg2.Error as error:
            return str(error.pgcode)
        finally:
            # Released too: they would pile up, each with a lock of its own.
            self.cursor.execute("ROLLBACK TO SAVEPOINT attempt; RELEASE SAVEPOINT attempt")


def relations(cursor: Any) -> dict[str, list[str]]:
    """Every relation with a merchant, and its columns."""
    cursor.execute(RELATIONS)
    return dict(cursor.fetchall())


def visible(attacker: Attacker, relation: str, merchant_id: int) -> int | str:
    """Rows of a merchant that the role sees."""
    return attacker.tries(
        sql.SQL("SELECT count(*) FROM mx.{} WHERE merchant_id = {}").format(
            sql.Identifier(relation), sql.Literal(merchant_id)
        )
    )


def crossings(
    attacker: Attacker, relation: str, columns: list[str], row: MadeRow | None, at_most: int
) -> Iterator[Crossing]:
    """What the role could do to the other merchant; it may find `at_most` rows where it does not say whose."""
    for verb, statement, most in _statements(attacker.cursor, attacker.role, relation, columns, row, at_most):
        result = attacker.tries(statement)
        if result not in REFUSED and not (isinstance(result, int) and result <= most):
            shown = statement.as_string(attacker.cursor.connection)[:150]
            yield Crossing(verb, relation, result, f"{attacker.role} with {attacker.settings}: {shown}")


def _statements(
    cursor: Any, role: str, relation: str, columns: list[str], row: MadeRow | None, at_most: int
) -> Iterator[tuple[str, Any, int]]:
    """Verb, statement, and how many rows it may touch."""
    name, other = sql.Identifier(relation), sql.Literal(OTHER)
    yield "SELECT", sql.SQL("SELECT count(*) FROM mx.{} WHERE merchant_id = {}").format(name, other), 0
    yield "DELETE", sql.SQL("DELETE FROM mx.{} WHERE merchant_id = {}").format(name, other), 0
    yield "DELETE", sql.SQL("DELETE FROM mx.{}").format(name), at_most
    yield "TRUNCATE", sql.SQL("TRUNCATE mx.{} CASCADE").format(name), -2
    for column in map(sql.Identifier, columns):
        yield (
            "SELECT",
            sql.SQL("SELECT count(*) FROM (SELECT {} FROM mx.{}) AS every").format(column, name),
            at_most,
        )
        same = sql.SQL("UPDATE mx.{} SET {} = {}").format(name, column, column)
        yield "UPDATE", same, at_most
        yield "UPDATE", sql.SQL("{} WHERE merchant_id = {}").format(same, other), 0
    yield "UPDATE", sql.SQL("UPDATE mx.{} SET merchant_id = {}").format(name, other), 0
    if row is None:
        yield "INSERT", sql.SQL("INSERT INTO mx.{} (merchant_id) VALUES ({})").format(name, other), -1
        return
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = ('mx.' || %s)::regclass AND attnum > 0"
        " AND has_column_privilege(%s, attrelid, attnum, 'INSERT')",
        (relation, role),
    )
    writable = frozenset(found for (found,) in cursor.fetchall()) or None
    for end in ("", "ON CONFLICT DO NOTHING"):
        yield "INSERT", row.insert(OTHER, columns=writable, end=end), -1


def own(attacker: Attacker, relation: str) -> int | str:
    """Rows of its own merchant: where it never sees one, that it sees no other's proves nothing."""
    return visible(attacker, relation, ONE)
