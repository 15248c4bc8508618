"""Overrides, expiry and the rest of a permission row: whatever stands there, both ways decide alike, and deny wins."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from mx_pipeline.access import (
    ACCESS_CHECKS,
    IMPLIES,
    NO_OVERRIDES,
    PERMISSIONS,
    SUPER_ADMIN,
    TENANT_ROLES,
    Access,
    Overrides,
    PermissionRow,
    Standing,
    access_of,
    new_access,
    old_access,
    permissions_of,
    role_permissions,
    taken_by,
    with_implied,
)
from mx_pipeline.warehouse.people import get_standing
from mx_pipeline_tests.fakes.people import has_person, has_person_as
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORDS = st.frozensets(st.sampled_from(PERMISSIONS), max_size=4)
OVERRIDES = st.builds(Overrides, grant=WORDS, revoke=WORDS)
ROLES = st.sampled_from(TENANT_ROLES)
GOOD: dict[str, Any] = {
    "role": "tenant_admin",
    "own": NO_OVERRIDES,
    "is_active": True,
    "hours": 1,
    "owns": False,
    "runs": True,
    "check": "permissions",
    "lets_in": True,
    "platform": None,
}
"""A row that lets somebody in; the examples take one thing away each."""


@given(role=ROLES, own=OVERRIDES)
def test_a_revocation_wins_over_role_and_grant(role: Any, own: Overrides) -> None:
    allowed = permissions_of(role, own)

    assert allowed.isdisjoint(own.revoke)
    assert all(not IMPLIES.get(word, frozenset()) & own.revoke for word in allowed)
    assert allowed <= with_implied(role_permissions(role) | own.grant)


@given(role=ROLES, own=OVERRIDES)
def test_a_grant_is_had_with_what_it_implies_unless_revoked(role: Any, own: Overrides) -> None:
    allowed = permissions_of(role, own)
    taken = taken_by(own.revoke)

    assert own.grant - taken <= allowed
    assert with_implied(allowed) - taken == allowed


@given(role=ROLES)
def test_without_overrides_the_role_says_it_all(role: Any) -> None:
    assert permissions_of(role, NO_OVERRIDES) == role_permissions(role)


@given(role=ROLES, own=OVERRIDES, seconds=st.integers(-3600, 3600), is_active=st.booleans())
def test_what_has_expired_or_is_not_active_allows_nothing(
    *, role: Any, own: Overrides, seconds: int, is_active: bool
) -> None:
    row = PermissionRow(role, own, is_active, NOON + timedelta(seconds=seconds))

    allowed = new_access(Standing(NOON, row=row)).permissions

    assert bool(allowed) == (is_active and seconds > 0 and bool(permissions_of(role, own)))


@given(own=OVERRIDES, role=ROLES, platform=st.sampled_from([None, SUPER_ADMIN]), owns=st.booleans())
def test_an_account_that_is_not_active_may_nothing_whatever_it_was_given(
    *, own: Overrides, role: Any, platform: str | None, owns: bool
) -> None:
    standing = Standing(
        NOON,
        is_active=False,
        platform_role=platform,
        owns_configuration=owns,
        row=PermissionRow(role, own),
    )

    assert old_access(standing) == new_access(standing) == Access()


@pytest.fixture
def kim(warehouse: WarehouseUnderTest) -> str:
    warehouse.has_merchant()
    return has_person_as(warehouse, "viewer")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(
    role=ROLES,
    own=OVERRIDES,
    is_active=st.booleans(),
    hours=st.one_of(st.none(), st.integers(-2, 2).filter(bool)),
    owns=st.booleans(),
    runs=st.booleans(),
    check=st.sampled_from(ACCESS_CHECKS),
    lets_in=st.sampled_from([True, True, True, False]),
    platform=st.sampled_from([None, None, None, SUPER_ADMIN]),
)
@example(**{**GOOD, "hours": -1})
@example(**{**GOOD, "is_active": False})
@example(**{**GOOD, "lets_in": False})
@example(**{**GOOD, "check": "owner"})
@example(**{**GOOD, "check": "both"})
@example(**{**GOOD, "owns": True, "runs": False, "check": "owner"})
def test_python_and_postgres_decide_alike_whatever_stands_there(
    warehouse: WarehouseUnderTest,
    kim: str,
    *,
    role: Any,
    own: Overrides,
    is_active: bool,
    hours: int | None,
    owns: bool,
    runs: bool,
    check: Any,
    lets_in: bool,
    platform: str | None,
) -> None:
    warehouse.damage(
        "UPDATE mx.user_tenant_permissions SET role = :role, permissions = CAST(:own AS jsonb),"
        " is_active = :is_active, expires_at = now() + make_interval(hours => CAST(:hours AS integer))",
        role=role,
        own=json.dumps(own.as_json()),
        is_active=is_active,
        hours=hours,
    )
    warehouse.damage("UPDATE mx.users SET is_active = :a, platform_role = :p", a=lets_in, p=platform)
    warehouse.damage(
        "UPDATE mx.mx_merchant_configs SET is_active = :runs, access_check = :check,"
        " user_id = CAST(:owner AS uuid)",
        runs=runs,
        check=check,
        owner=kim if owns else None,
    )

    with warehouse.app.everyone() as session:
        standing = get_standing(session, kim, MERCHANT)
        rows = session.connection.execute(
            text("SELECT role, through, permissions FROM mx.access_of(CAST(:kim AS uuid), :merchant)"),
            {"kim": kim, "merchant": MERCHANT},
        ).all()
    with warehouse.app.merchant(MERCHANT, person=kim) as tenant:
        asked = text("SELECT word FROM unnest(CAST(:words AS text[])) AS word WHERE mx.may(word, :merchant)")
        may = tenant.connection.execute(asked, {"words": list(PERMISSIONS), "merchant": MERCHANT}).scalars()
        assert standing is not None
        assert frozenset(may) == access_of(standing).permissions

    decided = access_of(standing)
    assert [(row.role, row.through, frozenset(row.permissions)) for row in rows] == (
        [] if decided.role is None else [(decided.role, decided.through, decided.permissions)]
    )


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        ('{"grant": ["sync.manul"]}', 'sync.manul" is no permission'),
        ('{"revoke": ["*"]}', '"\\*" is no permission'),
        ('{"grant": ["transactions.view", "it\'s"]}', "is no permission"),
        ('{"grant": "sync.manual"}', "permissions_are_grants_and_revocations"),
        ('{"grant": [7]}', "is no permission|permissions_are_grants_and_revocations"),
        ('{"grant": [["sync.manual"]]}', "is no permission|permissions_are_grants_and_revocations"),
        ('{"allow": ["sync.manual"]}', "permissions_are_grants_and_revocations"),
        ('["sync.manual"]', "permissions_are_grants_and_revocations"),
        ("7", "permissions_are_grants_and_revocations"),
        ("null", "permissions_are_grants_and_revocations"),
    ],
)
def test_what_is_no_override_is_refused_at_the_door(
    warehouse: WarehouseUnderTest, kim: str, permissions: str, words: str
) -> None:
    with pytest.raises(Exception, match=words):
        warehouse.damage(
            "UPDATE mx.user_tenant_permissions SET permissions = CAST(:permissions AS jsonb)",
            permissions=permissions,
        )


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(word=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=80))
def test_an_unknown_word_is_never_stored(warehouse: WarehouseUnderTest, kim: str, word: str) -> None:
    with pytest.raises(Exception, match="is no permission"):
        warehouse.damage(
            "UPDATE mx.user_tenant_permissions SET permissions = CAST(:permissions AS jsonb)",
            permissions=json.dumps({"grant": [f"{word}.unknown"]}),
        )


def test_a_role_of_the_platform_is_no_role_of_a_tenant(warehouse: WarehouseUnderTest, kim: str) -> None:
    for role in (SUPER_ADMIN, "operator", "boss"):
        with pytest.raises(Exception, match="user_tenant_permissions_role_check"):
            warehouse.damage("UPDATE mx.user_tenant_permissions SET role = :role", role=role)


def test_an_address_is_one_persons_however_it_is_written(warehouse: WarehouseUnderTest) -> None:
    has_person(warehouse, "kim@clinic.example")

    with pytest.raises(Exception, match="is here already"):
        has_person(warehouse, "Kim@Clinic.Example")
