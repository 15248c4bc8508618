"""The check of old and the new one, side by side: which rules, what is recorded, and in how many queries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from mx_pipeline.access import ACCESS_CHECKS, Overrides
from mx_pipeline.errors import AccessDenied
from mx_pipeline.operations.at_work import AtWork, Person
from mx_pipeline.operations.border import ExitCode
from mx_pipeline_tests.fakes.people import has_person, has_person_as, token_of
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

OTHER = MERCHANT + 1


@pytest.fixture
def clinics(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    for merchant_id in (MERCHANT, OTHER):
        warehouse.has_merchant(merchant_id)
    return warehouse


def at_work(warehouse: WarehouseUnderTest, person: str) -> AtWork:
    return AtWork(warehouse.app, Person(person, f"user:{person}"))


def owns(warehouse: WarehouseUnderTest, person: str) -> None:
    warehouse.damage(
        "UPDATE mx.mx_merchant_configs SET user_id = CAST(:person AS uuid) WHERE merchant_id = :here",
        person=person,
        here=MERCHANT,
    )


def checks(warehouse: WarehouseUnderTest, check: str) -> None:
    warehouse.damage("UPDATE mx.mx_merchant_configs SET access_check = :check", check=check)


def passes(warehouse: WarehouseUnderTest, person: str, permission: str = "sync.manual") -> bool:
    """By the command's way and by the policies' at once."""
    with warehouse.app.merchant(MERCHANT, person=person) as tenant:
        by_postgres = tenant.connection.exec_driver_sql(
            "SELECT mx.may(%s, %s)", (permission, MERCHANT)
        ).scalar()
    try:
        at_work(warehouse, person).require(permission, MERCHANT)
    except AccessDenied:
        assert by_postgres is False
        return False
    assert by_postgres is True
    return True


@contextmanager
def statements_sent() -> Iterator[list[str]]:
    sent: list[str] = []

    def keep(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


@pytest.mark.parametrize("check", ACCESS_CHECKS)
@pytest.mark.parametrize("role", [None, "tenant_admin"])
def test_access_is_decided_in_a_single_query(clinics: WarehouseUnderTest, check: str, role: Any) -> None:
    person = has_person(clinics, "kim@clinic.example") if role is None else has_person_as(clinics, role)
    owns(clinics, person)
    checks(clinics, check)

    with statements_sent() as sent:
        at_work(clinics, person).require("sync.manual", MERCHANT)

    asked = [statement for statement in sent if "set_config" not in statement]
    assert len(asked) == 1, asked
    # Merchant, person and limits are set in the one statement that opens the transaction.
    assert len(sent) == 2


def test_the_owner_of_the_configuration_passes_first_then_a_row_then_nobody(
    clinics: WarehouseUnderTest,
) -> None:
    owner, guest = (has_person(clinics, f"{name}@clinic.example") for name in ("owner", "guest"))
    admin = has_person_as(clinics, "tenant_admin")
    owns(clinics, owner)

    assert [passes(clinics, person) for person in (owner, admin, guest)] == [True, True, False]
    assert at_work(clinics, owner).access("sync.manual", MERCHANT).through == "owner"
    assert at_work(clinics, admin).access("sync.manual", MERCHANT).through == "permission"


def test_a_row_takes_nothing_from_the_owner(clinics: WarehouseUnderTest) -> None:
    owner = has_person_as(clinics, "viewer", overrides=Overrides(revoke=frozenset({"sync.manual"})))
    owns(clinics, owner)

    assert passes(clinics, owner)


def test_the_owner_of_a_paused_merchant_passes_by_a_row_only(clinics: WarehouseUnderTest) -> None:
    owner, kept = has_person(clinics, "owner@clinic.example"), has_person_as(clinics, "tenant_owner")
    owns(clinics, owner)
    clinics.damage("UPDATE mx.mx_merchant_configs SET is_active = false")

    assert [passes(clinics, person, "config.update") for person in (owner, kept)] == [False, True]


def test_both_rules_as_of_old_and_records_where_the_new_one_says_otherwise(
    clinics: WarehouseUnderTest,
) -> None:
    owner, admin = has_person(clinics, "owner@clinic.example"), has_person_as(clinics, "tenant_admin")
    nurse = has_person_as(clinics, "nurse")
    owns(clinics, owner)
    decided = {}
    for check in ACCESS_CHECKS:
        checks(clinics, check)
        decided[check] = [passes(clinics, person) for person in (owner, admin, nurse)]
        recorded = clinics.rows(
            "SELECT merchant_id, actor, detail FROM mx.audit_log WHERE action = 'access.disagreed'"
        )
        assert len(recorded) == (0 if check == "owner" else 1)

    assert decided == {
        "owner": [True, False, False],
        "both": [True, False, False],
        "permissions": [True, True, False],
    }
    assert [tuple(row) for row in recorded] == [
        (
            MERCHANT,
            f"user:{admin}",
            {"permission": "sync.manual", "owner_check": False, "permission_check": True},
        )
    ]


def test_a_new_merchant_is_under_the_new_check(clinics: WarehouseUnderTest) -> None:
    assert clinics.rows("SELECT DISTINCT access_check FROM mx.mx_merchant_configs") == [("permissions",)]


def test_owners_are_migrated_once_and_keep_what_they_were_given(
    here: Here, clinics: WarehouseUnderTest
) -> None:
    owner, other = has_person(clinics, "owner@clinic.example"), has_person_as(clinics, "viewer", OTHER)
    owns(clinics, owner)
    clinics.damage(
        "UPDATE mx.mx_merchant_configs SET user_id = CAST(:other AS uuid) WHERE merchant_id = :there",
        other=other,
        there=OTHER,
    )

    first, second = (here("users", "migrate-owners", "--json").answer["migrated"] for _ in range(2))

    assert (first, second) == ([{"merchant_id": MERCHANT, "user_id": owner}], [])
    assert clinics.rows("SELECT merchant_id, role FROM mx.user_tenant_permissions ORDER BY 1") == [
        (MERCHANT, "tenant_owner"),
        (OTHER, "viewer"),
    ]
    assert clinics.rows(
        "SELECT merchant_id, detail ->> 'role' FROM mx.audit_log WHERE action = 'permission.granted'"
    ) == [(MERCHANT, "tenant_owner")]


def test_the_check_is_changed_by_command_and_on_record(here: Here, clinics: WarehouseUnderTest) -> None:
    has_person_as(clinics, "tenant_admin", email="kim@clinic.example")
    changed = here("access", "check", MERCHANT, "owner")
    token = token_of(clinics, clinics.value("SELECT id::text FROM mx.users"))
    refused = here("access", "check", MERCHANT, "permissions", MX_TOKEN=token)
    wrong = here("access", "check", MERCHANT, "none")
    unknown = here("access", "check", 77, "both")

    assert [ran.code for ran in (changed, refused, wrong, unknown)] == [
        0,
        ExitCode.DENIED,
        ExitCode.USAGE,
        ExitCode.FAILED,
    ]
    assert clinics.value(
        "SELECT detail ->> 'access_check' FROM mx.audit_log WHERE action = 'access.mode_changed'"
    ) == ("owner")
