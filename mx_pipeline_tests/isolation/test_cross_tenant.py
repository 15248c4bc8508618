"""S8 and S9: every role tries everything on every relation, from inside one merchant and from inside none."""

from __future__ import annotations

from typing import Any

import pytest

from mx_pipeline.warehouse.logins import APP_ROLE, BACKUP_ROLE, LOADER_ROLE, LOGIN_ROLES
from mx_pipeline_tests.isolation.allowed import FIGURES, SEES_EVERYONE
from mx_pipeline_tests.isolation.attempts import Attacker, crossings, own, relations
from mx_pipeline_tests.isolation.rows import ONE, OTHER, PERSON, MadeRow, fill

TENANT_ROLES = (LOADER_ROLE, APP_ROLE)
PEOPLE = (None, "", "operator", PERSON)
ANALYST, INVESTOR = "analyst_of_the_one", "investor_of_none"
SETTINGS = (
    "mx.merchant_id", "mx.user_id", "mx.may_enter", "mx.may_read_payments", "mx.may_read_invoices", "mx.may_read_names"
)  # fmt: skip
NO_MERCHANT = (
    None, "", " ", "0", "-1", "x", "NaN", "null", "*", "1e9", "1000000001.0", "01000000001", "+1000000001",
    " 1000000001", "1000000001\n", "1000000001 ", "\uff11\uff10", "99999999999999999999999999",
    "1000000001,1000000002", "1000000001 OR true", "1000000001; DROP TABLE mx.payments", "1000000001'; --",
    "(SELECT merchant_id FROM mx.payments)", "{1000000001}", "%", "1000000001::bigint",
)  # fmt: skip
"""What the setting may hold that is no merchant: nothing, junk, SQL."""


@pytest.fixture(scope="module")
def scene(scratch: Any) -> tuple[Any, dict[str, MadeRow], dict[str, list[str]]]:
    """Two merchants with a row each everywhere, in a transaction that is never committed."""
    cursor = scratch.cursor()
    rows = {row.table: row for row in fill(cursor)}
    cursor.execute(
        f"CREATE ROLE {ANALYST} LOGIN IN ROLE mx_analyst; CREATE ROLE {INVESTOR} LOGIN IN ROLE mx_investor"
    )
    cursor.execute(
        "UPDATE mx.sql_logins SET login = %s, sees_names = true WHERE merchant_id = %s", (ANALYST, ONE)
    )
    return cursor, rows, relations(cursor)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("role", TENANT_ROLES)
def test_s8_from_inside_one_merchant_no_other_can_be_touched(
    scene: Any, role: str, person: str | None
) -> None:
    cursor, rows, all_relations = scene
    attacker = Attacker(cursor, role, {"mx.merchant_id": str(ONE), "mx.user_id": person})

    worked = [
        crossing
        for relation, columns in all_relations.items()
        for crossing in crossings(attacker, relation, columns, rows.get(relation), at_most=1)
    ]

    assert worked == []


@pytest.mark.parametrize("role", sorted({*LOGIN_ROLES, *SEES_EVERYONE} - {*TENANT_ROLES}))
def test_s8_a_role_for_all_merchants_can_do_there_what_is_listed_and_nothing_else(
    scene: Any, role: str
) -> None:
    cursor, rows, all_relations = scene
    attacker = Attacker(cursor, role, {"mx.merchant_id": str(ONE), "mx.user_id": PERSON})

    worked = {
        (relation, crossing.verb)
        for relation, columns in all_relations.items()
        for crossing in crossings(attacker, relation, columns, rows.get(relation), at_most=0)
    }

    allowed = {(relation, verb) for relation, verbs in SEES_EVERYONE.get(role, {}).items() for verb in verbs}
    if role == BACKUP_ROLE:
        allowed = {(relation, "SELECT") for relation in all_relations if not relation.startswith(FIGURES)}
    assert worked == allowed


@pytest.mark.parametrize("forged", [{}, dict.fromkeys(SETTINGS, str(OTHER)) | {"mx.user_id": PERSON}])
@pytest.mark.parametrize(("login", "at_most"), [(ANALYST, 1), (INVESTOR, 0)])
def test_s11_a_person_with_sql_stays_with_their_merchants_whatever_they_set(
    scene: Any, login: str, at_most: int, forged: dict[str, str | None]
) -> None:
    cursor, rows, all_relations = scene
    attacker = Attacker(cursor, login, forged)

    worked = [
        crossing
        for relation, columns in all_relations.items()
        for crossing in crossings(attacker, relation, columns, rows.get(relation), at_most=at_most)
    ]

    assert worked == []
    assert (
        own(attacker, "payments") == own(attacker, "payment_people") == (1 if login == ANALYST else "42501")
    )


@pytest.mark.parametrize("role", TENANT_ROLES)
def test_s8_what_a_role_may_read_it_does_see_of_its_own_merchant(scene: Any, role: str) -> None:
    """Else that it sees nothing of the other merchant would prove nothing."""
    cursor, _, all_relations = scene
    people = [Attacker(cursor, role, {"mx.merchant_id": str(ONE), "mx.user_id": person}) for person in PEOPLE]
    readable = {
        relation
        for relation in all_relations
        if _one(
            cursor, "SELECT has_column_privilege(%s, 'mx.' || %s, 'merchant_id', 'SELECT')", role, relation
        )
    }

    blind = [
        relation
        for relation in readable
        if not relation.startswith(FIGURES) and not any(own(person, relation) == 1 for person in people)
    ]

    assert len(readable) > 15
    assert blind == []


@pytest.mark.parametrize(
    ("damage", "verb", "relation"),
    [
        ("DROP POLICY only_this_merchant ON mx.payments", "SELECT", "payments"),
        ("DROP POLICY only_this_merchant ON mx.sync_requests", "UPDATE", "sync_requests"),
        ("DROP POLICY only_this_merchant ON mx.sync_leases", "DELETE", "sync_leases"),
        ("ALTER POLICY only_this_merchant ON mx.certificates WITH CHECK (true)", "INSERT", "certificates"),
        ("ALTER TABLE mx.quarantine DISABLE ROW LEVEL SECURITY", "SELECT", "quarantine"),
        ("ALTER VIEW mx.number_evidence RESET (security_invoker)", "SELECT", "number_evidence"),
        ("ALTER ROLE mx_loader BYPASSRLS", "SELECT", "payments"),
        ("GRANT mx_owner TO mx_loader", "TRUNCATE", "payments"),
        ("GRANT TRUNCATE ON ALL TABLES IN SCHEMA mx TO mx_loader", "TRUNCATE", "sync_state"),
    ],
)  # fmt: skip
def test_s8_the_attempts_find_a_guard_that_was_taken_away(
    scene: Any, damage: str, verb: str, relation: str
) -> None:
    cursor, rows, all_relations = scene
    attacker = Attacker(cursor, LOADER_ROLE, {"mx.merchant_id": str(ONE)})
    cursor.execute("SAVEPOINT whole")

    try:
        cursor.execute(damage)
        worked = {
            crossing.verb
            for crossing in crossings(
                attacker, relation, all_relations[relation], rows.get(relation), at_most=1
            )
        }
    finally:
        cursor.execute("ROLLBACK TO SAVEPOINT whole")

    assert verb in worked


@pytest.mark.parametrize("setting", NO_MERCHANT)
@pytest.mark.parametrize("role", TENANT_ROLES)
def test_s9_what_is_no_merchant_shows_nothing_and_raises_nothing(
    scene: Any, role: str, setting: str | None
) -> None:
    cursor, rows, all_relations = scene
    attacker = Attacker(cursor, role, {"mx.merchant_id": setting, "mx.user_id": "operator"})

    worked = [
        crossing
        for relation, columns in all_relations.items()
        for crossing in crossings(attacker, relation, columns[:1], rows.get(relation), at_most=0)
    ]
    seen = {own(attacker, relation) for relation in all_relations}

    assert worked == []
    assert seen <= {0, "42501"}


def test_s8_every_relation_with_a_merchant_holds_a_row_of_both(scene: Any) -> None:
    cursor, _, all_relations = scene
    superuser = Attacker(cursor, "postgres", {})

    counts = {
        relation: (own(superuser, relation), _of(superuser, relation))
        for relation in all_relations
        if not relation.startswith(FIGURES)
    }

    assert {relation: count for relation, count in counts.items() if count != (1, 1)} == {}
    assert len(counts) > 20


@pytest.mark.parametrize("role", [*LOGIN_ROLES])
def test_s12_a_sequence_whose_gaps_tell_of_others_is_nobodys_to_read(scene: Any, role: str) -> None:
    cursor, _, _ = scene
    attacker = Attacker(cursor, role, {"mx.merchant_id": str(ONE)})
    cursor.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'mx'::regnamespace AND relkind = 'S'"
    )
    sequences = [name for (name,) in cursor.fetchall()]

    for name in sequences:
        assert attacker.tries(f"SELECT nextval('{name}')") == "42501"
        assert attacker.tries(f"SELECT setval('{name}', 1)") == "42501"
        assert (attacker.tries(f"SELECT last_value FROM {name}") == "42501") == (role != BACKUP_ROLE)
    assert len(sequences) >= 5


def _of(attacker: Attacker, relation: str) -> int | str:
    return attacker.tries(f"SELECT count(*) FROM mx.{relation} WHERE merchant_id = {OTHER}")


def _one(cursor: Any, statement: str, *parameters: str) -> Any:
    cursor.execute(statement, parameters)
    return cursor.fetchone()[0]
