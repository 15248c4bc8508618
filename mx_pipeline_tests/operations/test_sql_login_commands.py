"""Logins of people with SQL by command: the password once, the audit log always."""

from __future__ import annotations

import pytest

from mx_pipeline.operations.border import ExitCode
from mx_pipeline_tests.fakes.people import has_person_as, token_of
from mx_pipeline_tests.fakes.people_with_sql import PeopleWithSql, people
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

__all__ = ["people"]

OTHER = MERCHANT + 1


@pytest.fixture
def two(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    """Two merchants."""
    warehouse.has_merchant(MERCHANT)
    warehouse.has_merchant(OTHER)
    return warehouse


def test_a_login_is_given_shown_and_taken_away(
    here: Here, two: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    name = people.a_name()
    add = ("users", "sql-login", "add", name, "--json", "--merchant")

    first = here(*add, MERCHANT, "--names", "--until", "2099-01-01").answer["login"]
    second = here(*add, OTHER, "--investor").answer["login"]
    listed = here("users", "sql-login", "list", "--json")
    reads = people.logs_in(name, first["password"])
    removed = here("users", "sql-login", "remove", name, "--json")

    assert (first["kind"], second["kind"], second["password"]) == ("analyst", "investor", None)
    shown = [(one["merchant_id"], one["kind"], one["sees_names"]) for one in listed.answer["logins"]]
    assert shown == [(MERCHANT, "analyst", True), (OTHER, "investor", False)]
    assert listed.answer["logins"][0]["expires_at"].startswith("2099-01-01")
    assert first["password"] not in listed.out
    assert removed.answer["login"]["taken"] == [MERCHANT, OTHER]
    assert reads.reads("SELECT count(*) FROM mx.transactions") == [(0,)]
    entries = two.rows(
        "SELECT merchant_id, action, subject, actor LIKE 'operator:%' FROM mx.audit_log ORDER BY at"
    )
    granted = [tuple(row) for row in entries if row.action.startswith("login.")]
    assert sorted(granted) == [
        (MERCHANT, "login.granted", f"login:{name}", True),
        (MERCHANT, "login.revoked", f"login:{name}", True),
        (OTHER, "login.granted", f"login:{name}", True),
        (OTHER, "login.revoked", f"login:{name}", True),
    ]
    assert first["password"] not in str(two.rows("SELECT detail FROM mx.audit_log"))


@pytest.mark.parametrize("role", ["tenant_admin", "clinic_staff", "nurse", "investor"])
def test_whoever_manages_no_people_gives_no_login(
    here: Here, two: WarehouseUnderTest, people: PeopleWithSql, role: str
) -> None:
    name, token = people.a_name(), token_of(two, has_person_as(two, role))

    refused = here("users", "sql-login", "add", name, "--merchant", MERCHANT, MX_TOKEN=token)

    assert refused.code == ExitCode.DENIED
    assert two.value("SELECT count(*) FROM pg_roles WHERE rolname = :name", name=name) == 0
    assert two.value("SELECT count(*) FROM mx.audit_log WHERE action = 'access.refused'") == 1


def test_an_owner_gives_logins_for_the_own_clinic_alone(
    here: Here, two: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    name, token = people.a_name(), token_of(two, has_person_as(two, "tenant_owner"))
    add = ("users", "sql-login", "add", name, "--merchant", MERCHANT)

    both = here(*add, "--merchant", OTHER, MX_TOKEN=token)
    own = here(*add, MX_TOKEN=token)

    assert (both.code, own.code) == (ExitCode.DENIED, 0)
    assert two.rows("SELECT merchant_id FROM mx.sql_logins") == [(MERCHANT,)]


def test_the_review_of_access_names_who_reads_with_sql(
    here: Here, two: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    analyst, investor = people.a_name(), people.a_name()
    here("users", "sql-login", "add", analyst, "--merchant", MERCHANT, "--names")
    here("users", "sql-login", "add", investor, "--merchant", MERCHANT, "--merchant", OTHER, "--investor")
    here("users", "sql-login", "remove", investor, "--merchant", OTHER)

    seen = here("access", "review", "--json").answer["review"]

    logins = [one for one in seen if one["through"] == "sql"]
    assert [(one["merchant_id"], one["email"], one["is_active"], one["sees"]) for one in logins] == [
        (MERCHANT, f"login:{analyst}", True, ["names", "payments", "invoices"]),
        (MERCHANT, f"login:{investor}", True, ["figures"]),
        (OTHER, f"login:{investor}", False, []),
    ]
    assert all(one["granted_by"].startswith("operator:") for one in logins)


@pytest.mark.parametrize(
    "wrong",
    [
        ("add", "mx_app", "--merchant", MERCHANT),
        ("add", "x; DROP ROLE mx_app", "--merchant", MERCHANT),
        ("add", "someone", "--merchant", MERCHANT, "--investor", "--names"),
        ("add", "someone", "--merchant", MERCHANT, "--until", "2020-01-01"),
        ("add", "someone", "--merchant", "1 OR 1=1"),
        ("remove", "nobody_at_all"),
    ],
)
def test_s13_what_cannot_be_is_told(here: Here, two: WarehouseUnderTest, wrong: tuple[object, ...]) -> None:
    ran = here("users", "sql-login", *wrong)

    assert ran.code == ExitCode.USAGE
    assert ran.sentence
    assert two.rows("SELECT * FROM mx.sql_logins") == []
