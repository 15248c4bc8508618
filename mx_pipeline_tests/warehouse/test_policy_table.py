"""The policy table and its decision are the same in Python and in Postgres, for everyone, everywhere."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from sqlalchemy import text

from mx_pipeline.access import (
    GIVES,
    IMPLIES,
    NOBODY,
    OPERATOR,
    PERMISSIONS,
    ROLES,
    STATED,
    SUPER_ADMIN,
    TENANT_ROLES,
    access_of,
    role_permissions,
)
from mx_pipeline.warehouse.people import get_standing
from mx_pipeline_tests.fakes.people import has_person, has_person_as
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

OWN, OTHER = 1_000_000_001, 1_000_000_002
STRANGER = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def people(warehouse: WarehouseUnderTest) -> Mapping[str, str]:
    """One person of every role at the one merchant; another merchant that nobody of them belongs to."""
    warehouse.has_merchant(OWN)
    warehouse.has_merchant(OTHER)
    return {
        **{role: has_person_as(warehouse, role, OWN) for role in TENANT_ROLES},
        SUPER_ADMIN: has_person(warehouse, "root@platform.example", platform_role=SUPER_ADMIN),
        OPERATOR: OPERATOR,
        "nobody": NOBODY,
        "stranger": STRANGER,
        "without a role": has_person(warehouse, "guest@clinic.example"),
    }


def test_the_table_of_postgres_is_the_one_of_the_page(warehouse: WarehouseUnderTest) -> None:
    stated = warehouse.rows("SELECT role, permission FROM mx.role_permissions WHERE NOT is_implied")
    closed = warehouse.rows("SELECT role, permission FROM mx.role_permissions")
    implied = warehouse.rows("SELECT permission, implies FROM mx.permission_implications")
    gives = warehouse.rows("SELECT role, gives FROM mx.role_gives")

    assert _pairs(closed) == {(role, word) for role in ROLES for word in role_permissions(role)}
    assert _pairs(stated) >= {(role, word) for role in ROLES for word in STATED[role]}
    assert _pairs(implied) == {(word, other) for word, others in IMPLIES.items() for other in others}
    assert _pairs(gives) == {(role, given) for role, others in GIVES.items() for given in others}


@pytest.mark.parametrize("merchant_id", [OWN, OTHER], ids=["own merchant", "another merchant"])
def test_every_role_may_by_either_way_what_the_table_says(
    warehouse: WarehouseUnderTest, people: Mapping[str, str], merchant_id: int
) -> None:
    everywhere = {OPERATOR, SUPER_ADMIN}
    expected = {
        who: role_permissions(who)
        if who in everywhere or (who in TENANT_ROLES and merchant_id == OWN)
        else frozenset[str]()
        for who in people
    }

    assert {who: _by_postgres(warehouse, person, merchant_id) for who, person in people.items()} == expected
    assert {
        who: _by_python(warehouse, person, merchant_id)
        for who, person in people.items()
        if person not in (NOBODY, OPERATOR)
    } == {who: allowed for who, allowed in expected.items() if people[who] not in (NOBODY, OPERATOR)}


def test_a_malformed_person_is_nobody(warehouse: WarehouseUnderTest, people: Mapping[str, str]) -> None:
    for malformed in ("root", "operator ", "OPERATOR", "'; --", people[SUPER_ADMIN].upper(), "0"):
        assert _by_postgres(warehouse, malformed, OWN) == frozenset()


def test_a_word_that_is_no_permission_is_allowed_to_nobody(
    warehouse: WarehouseUnderTest, people: Mapping[str, str]
) -> None:
    for person in people.values():
        with warehouse.app.merchant(OWN, person=person) as tenant:
            assert tenant.connection.execute(text("SELECT mx.may('*', :own)"), {"own": OWN}).scalar() is False


def _by_postgres(warehouse: WarehouseUnderTest, person: str, merchant_id: int) -> frozenset[str]:
    asked = text(
        "SELECT word FROM unnest(CAST(:words AS text[])) AS word WHERE mx.may(word, mx.current_merchant())"
    )
    with warehouse.app.merchant(merchant_id, person=person) as tenant:
        return frozenset(tenant.connection.execute(asked, {"words": list(PERMISSIONS)}).scalars())


def _by_python(warehouse: WarehouseUnderTest, person: str, merchant_id: int) -> frozenset[str]:
    with warehouse.app.everyone() as session:
        standing = get_standing(session, person, merchant_id)
    return frozenset() if standing is None else access_of(standing).permissions


def _pairs(rows: list[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(one, other) for one, other in rows}
