"""Every command of every role, at the own merchant and at another's: what the table does not allow is denied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mx_pipeline.access import SUPER_ADMIN, TENANT_ROLES, role_permissions
from mx_pipeline.operations.border import ExitCode
from mx_pipeline_tests.fakes.people import has_person, has_person_as, token_of
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

OTHER = MERCHANT + 1
EMERGENCY = ("--latest", 500, "--emergency", "--reason", "an audit is due", "--detach")
AT_A_MERCHANT: dict[str, tuple[str, Callable[[int], tuple[Any, ...]]]] = {
    "sync": ("sync.manual", lambda at: ("sync", at, "--detach")),
    "sync of the latest": ("sync.manual", lambda at: ("sync", at, "--latest", 5, "--detach")),
    "emergency": ("sync.emergency", lambda at: ("sync", at, *EMERGENCY)),
    "set": ("config.update", lambda at: ("merchants", "set", at, "--quota", "none")),
    "pause": ("config.update", lambda at: ("merchants", "pause", at)),
    "resume": ("config.update", lambda at: ("merchants", "resume", at)),
    "set-key": ("config.update", lambda at: ("merchants", "set-key", at, "--no-verify")),
    "replay": ("sync.manual", lambda at: ("quarantine", "replay", at)),
    "quarantine": ("transactions.view:readonly", lambda at: ("quarantine", "list", at)),
    "trace": ("transactions.view:readonly", lambda at: ("trace", 7, "--merchant", at)),
    "review": ("users.manage", lambda at: ("access", "review", "--merchant", at)),
    "invite": ("users.invite", lambda at: ("users", "invite", "x@y.example", "viewer", "--merchant", at)),
    "audit": ("users.manage", lambda at: ("audit", "list", "--merchant", at)),
}
OF_THE_PLATFORM: tuple[tuple[Any, ...], ...] = (
    ("merchants", "add", 77, "--name", "X", "--environment", "sandbox", "--timezone", "UTC", "--no-verify"),
    ("merchants", "import", "/dev/null", "--no-verify"),
    ("merchants", "remove", OTHER, "--yes"),
    ("users", "add", "new@clinic.example"),
    ("audit", "list"),
    ("audit", "verify"),
    ("keys", "show"),
    ("migrate",),
    ("doctor",),
)
KEYS = {"MX_CONSUMER_KEY": "K" * 24, "MX_CONSUMER_SECRET": "secret"}
NOT_DENIED = {ExitCode.SUCCESS, ExitCode.FAILED}
"""Failed: there is no such payment to trace, or nothing answers a paused merchant's key."""


@pytest.fixture
def clinics(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    for merchant_id in (MERCHANT, OTHER):
        warehouse.has_merchant(merchant_id)
    return warehouse


@pytest.mark.parametrize("role", [*TENANT_ROLES, SUPER_ADMIN])
def test_s14_a_command_is_allowed_by_the_table_and_at_no_merchant_of_others(
    here: Here, clinics: WarehouseUnderTest, role: Any
) -> None:
    is_root = role == SUPER_ADMIN
    person = (
        has_person(clinics, "root@platform.example", platform_role=SUPER_ADMIN)
        if is_root
        else has_person_as(clinics, role)
    )
    token = token_of(clinics, person)

    for merchant_id in (MERCHANT, OTHER):
        for name, (permission, words) in AT_A_MERCHANT.items():
            allowed = is_root or (merchant_id == MERCHANT and permission in role_permissions(role))
            ran = here(*words(merchant_id), MX_TOKEN=token, **KEYS)
            assert (ran.code in NOT_DENIED) == allowed, (name, merchant_id, ran)
            if not allowed:
                assert ran.code == ExitCode.DENIED
                assert permission in ran.sentence

    refused = clinics.value("SELECT count(*) FROM mx.audit_log WHERE action = 'access.refused'")
    expected = sum(
        not (is_root or (at == MERCHANT and permission in role_permissions(role)))
        for at in (MERCHANT, OTHER)
        for permission, _ in AT_A_MERCHANT.values()
    )
    assert refused == expected


@pytest.mark.parametrize("role", ["tenant_owner", "tenant_admin", "investor"])
def test_what_concerns_the_installation_is_denied_to_every_role_of_a_tenant(
    here: Here, clinics: WarehouseUnderTest, role: Any
) -> None:
    token = token_of(clinics, has_person_as(clinics, role))

    codes = {words[:2]: here(*words, MX_TOKEN=token, **KEYS).code for words in OF_THE_PLATFORM}

    assert set(codes.values()) == {ExitCode.DENIED}, codes
    assert clinics.value("SELECT count(*) FROM mx.mx_merchant_configs") == 2


def test_a_person_is_shown_their_own_merchants_alone(here: Here, clinics: WarehouseUnderTest) -> None:
    seen = {}
    for role in TENANT_ROLES:
        token = token_of(clinics, has_person_as(clinics, role))
        status = here("status", "--json", MX_TOKEN=token)
        listed = here("merchants", "list", "--json", MX_TOKEN=token)
        seen[role] = [
            [one["merchant_id"] for one in answer["merchants"]] for answer in (status.answer, listed.answer)
        ]
        assert here("status", OTHER, MX_TOKEN=token).code == ExitCode.DENIED

    assert seen.pop("investor") == [[], [MERCHANT]]
    assert set(map(str, seen.values())) == {str([[MERCHANT], [MERCHANT]])}


def test_all_means_all_that_the_person_may_sync(here: Here, clinics: WarehouseUnderTest) -> None:
    admin = has_person_as(clinics, "tenant_admin")
    staff = has_person_as(clinics, "clinic_staff", OTHER)

    asked = here("sync", "--all", "--detach", "--json", MX_TOKEN=token_of(clinics, admin))
    nothing = here("sync", "--all", "--detach", MX_TOKEN=token_of(clinics, staff))

    assert [one["merchant_id"] for one in asked.answer["requests"]] == [MERCHANT]
    assert nothing.code == ExitCode.FAILED
    assert clinics.rows("SELECT merchant_id, asked_by FROM mx.sync_requests") == [(MERCHANT, f"user:{admin}")]


def test_an_emergency_needs_a_reason_from_a_person(here: Here, clinics: WarehouseUnderTest) -> None:
    token = token_of(clinics, has_person_as(clinics, "tenant_owner"))
    words = ("sync", MERCHANT, "--latest", 500, "--emergency", "--detach")

    without = here(*words, MX_TOKEN=token)
    with_one = here(*words, "--reason", "lost a day", MX_TOKEN=token)
    operators = here(*words)

    assert (without.code, "--reason" in without.sentence) == (ExitCode.USAGE, True)
    assert (with_one.code, operators.code) == (0, 0)
    assert clinics.rows("SELECT reason FROM mx.sync_requests ORDER BY request_id") == [
        ("lost a day",),
        ("none given by the operator of this machine",),
    ]


@pytest.mark.parametrize("latest", ["1001", "-1", "0", "1000000000", "1000; DROP TABLE x", "1e3"])
def test_s16_an_emergency_has_a_limit(here: Here, clinics: WarehouseUnderTest, latest: str) -> None:
    token = token_of(clinics, has_person_as(clinics, "tenant_owner"))

    ran = here(
        "sync", MERCHANT, "--latest", latest, "--emergency", "--reason", "x", "--detach", MX_TOKEN=token
    )

    assert ran.code == ExitCode.USAGE
    assert clinics.value("SELECT count(*) FROM mx.sync_requests") == 0


def test_s16_days_that_end_before_they_begin_are_refused(here: Here, clinics: WarehouseUnderTest) -> None:
    token = token_of(clinics, has_person_as(clinics, "tenant_owner"))

    ran = here("sync", MERCHANT, "--since", "2026-03-02", "--until", "2026-03-01", "--detach", MX_TOKEN=token)

    assert ran.code == ExitCode.USAGE


def test_s15_the_next_command_after_a_revocation_is_denied(here: Here, clinics: WarehouseUnderTest) -> None:
    token = token_of(clinics, has_person_as(clinics, "tenant_admin"))
    before = here("sync", MERCHANT, "--detach", MX_TOKEN=token)
    here("users", "revoke", f"tenant_admin.{MERCHANT}@clinic.example", "--merchant", MERCHANT)

    after = here("sync", MERCHANT, "--detach", MX_TOKEN=token)

    assert (before.code, after.code) == (0, ExitCode.DENIED)


def test_who_is_named_in_the_environment_is_recorded_as_who_acted(
    here: Here, clinics: WarehouseUnderTest
) -> None:
    owner = has_person_as(clinics, "tenant_owner")
    token = token_of(clinics, owner)
    here("merchants", "pause", MERCHANT, MX_TOKEN=token)
    here("merchants", "resume", MERCHANT)

    acted = clinics.rows(
        "SELECT split_part(actor, ':', 1) FROM mx.audit_log WHERE action LIKE 'merchant.%' ORDER BY entry"
    )

    assert [who for (who,) in acted] == ["user", "operator"]
