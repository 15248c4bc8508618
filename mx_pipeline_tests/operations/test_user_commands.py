"""People at the keyboard: who may give what to whom, by command, and what the audit log has of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mx_pipeline.access import SUPER_ADMIN
from mx_pipeline.operations.border import ExitCode
from mx_pipeline_tests.fakes.people import has_person, has_person_as, token_of
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import Ran
from mx_pipeline_tests.operations.conftest import Here

OTHER = MERCHANT + 1
As = Callable[[str], Here]


@pytest.fixture
def at(here: Here, warehouse: WarehouseUnderTest) -> As:
    """A shell of a person; two merchants are here."""
    warehouse.has_merchant(MERCHANT)
    warehouse.has_merchant(OTHER)

    def shell_of(person: str) -> Here:
        token = token_of(warehouse, person)
        return lambda *arguments, **changes: here(*arguments, **{"MX_TOKEN": token, **changes})

    return shell_of


def audited(warehouse: WarehouseUnderTest, action: str) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in warehouse.rows(
            "SELECT merchant_id, actor, detail FROM mx.audit_log WHERE action = :action ORDER BY at",
            action=action,
        )
    ]


def role_of(warehouse: WarehouseUnderTest, person: str) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in warehouse.rows(
            "SELECT merchant_id, role, permissions, is_active FROM mx.user_tenant_permissions"
            " WHERE user_id = CAST(:person AS uuid)",
            person=person,
        )
    ]


def denied(ran: Ran) -> bool:
    return ran.code == ExitCode.DENIED


def test_the_operator_adds_a_person_and_gives_a_role(here: Here, warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant(MERCHANT)

    added = here("users", "add", "kim@clinic.example", "--name", "Kim", "--json")
    again = here("users", "add", "KIM@clinic.example")
    granted = here(
        "users", "grant", "Kim@Clinic.example", "clinic_staff", "--merchant", MERCHANT,
        "--allow", "analytics.view", "--deny", "names.view", "--until", "2099-01-01",
    )  # fmt: skip
    shown = here("users", "permissions", "kim@clinic.example", "--json").answer["permissions"]

    person = added.answer["user"]["id"]
    assert (granted.code, again.code) == (0, ExitCode.USAGE)
    assert role_of(warehouse, person) == [
        (MERCHANT, "clinic_staff", {"grant": ["analytics.view"], "revoke": ["names.view"]}, True)
    ]
    assert [(one["merchant_id"], one["role"], one["through"]) for one in shown] == [
        (MERCHANT, "clinic_staff", "permission")
    ]
    assert "analytics.view" in shown[0]["permissions"]
    assert "names.view" not in shown[0]["permissions"]
    ((merchant, actor, detail),) = audited(warehouse, "permission.granted")
    assert (merchant, actor.split(":")[0], detail["role"]) == (MERCHANT, "operator", "clinic_staff")
    assert len(audited(warehouse, "user.added")) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("users", "grant", "a@b.example", "super_admin", "--merchant", "1"), "users add --super-admin"),
        (("users", "grant", "a@b.example", "boss", "--merchant", "1"), "is no role"),
        (("users", "grant", "a@b.example", "nurse", "--merchant", "1", "--allow", "all"), "is no permission"),
        (
            ("users", "grant", "a@b.example", "nurse", "--merchant", "1",
             "--allow", "invoices.view:readonly", "--deny", "invoices.view"),
            "what is denied wins",
        ),
        (("users", "grant", "a@b.example", "nurse", "--merchant", "one"), "is no merchant id"),
        (("users", "add", "kim"), "is no e-mail address"),
        (("users", "revoke-token", "7"), "no token's id"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said_before_anything_is_asked(
    offline: Here, arguments: tuple[str, ...], words: str
) -> None:
    ran = offline(*arguments)

    assert (ran.code, words in ran.sentence) == (ExitCode.USAGE, True)


@pytest.mark.parametrize(
    ("giver", "given"),
    [
        ("tenant_owner", {"tenant_admin", "clinic_staff", "nurse", "viewer", "investor"}),
        ("tenant_admin", {"clinic_staff", "nurse", "viewer"}),
        ("clinic_staff", set()),
        ("nurse", set()),
        ("viewer", set()),
        ("investor", set()),
    ],
)
def test_nobody_gives_or_invites_beyond_what_their_role_may(
    at: As, warehouse: WarehouseUnderTest, giver: Any, given: set[str]
) -> None:
    as_giver = at(has_person_as(warehouse, giver))
    guest = has_person_as(warehouse, "viewer", email="guest@clinic.example")
    roles = ("tenant_owner", "tenant_admin", "clinic_staff", "nurse", "viewer", "investor")

    invited = {
        role
        for role in roles
        if not denied(as_giver("users", "invite", "new@clinic.example", role, "--merchant", MERCHANT))
    }
    granted = {
        role
        for role in ("investor", "tenant_owner", "tenant_admin", "nurse", "clinic_staff", "viewer")
        if _gives_and_takes_back(as_giver, warehouse, guest, role)
    }

    assert invited == granted == given
    assert denied(as_giver("users", "invite", "new@clinic.example", "viewer", "--merchant", OTHER))


def test_nobody_raises_themselves_or_touches_whom_they_may_not(at: As, warehouse: WarehouseUnderTest) -> None:
    admin, owner = has_person_as(warehouse, "tenant_admin"), has_person_as(warehouse, "tenant_owner")
    tried = [
        ("grant", "tenant_admin.1000000001@clinic.example", "viewer"),
        ("grant", "tenant_admin.1000000001@clinic.example", "tenant_owner"),
        ("grant", "tenant_owner.1000000001@clinic.example", "viewer"),
        ("revoke", "tenant_owner.1000000001@clinic.example"),
        ("revoke", "tenant_admin.1000000001@clinic.example"),
    ]

    ran = [at(admin)("users", *words, "--merchant", MERCHANT) for words in tried]

    assert [one.code for one in ran] == [ExitCode.DENIED] * len(tried)
    assert ["their own" in one.sentence for one in ran] == [True, True, False, False, True]
    assert [role for _, role, *_ in role_of(warehouse, admin) + role_of(warehouse, owner)] == [
        "tenant_admin",
        "tenant_owner",
    ]
    assert {actor for _, actor, _ in audited(warehouse, "access.refused")} == {f"user:{admin}"}
    assert len(audited(warehouse, "access.refused")) == len(tried)


def test_single_permissions_are_given_by_who_manages_people_and_has_them(
    at: As, warehouse: WarehouseUnderTest
) -> None:
    admin, owner = has_person_as(warehouse, "tenant_admin"), has_person_as(warehouse, "tenant_owner")
    has_person_as(warehouse, "viewer")
    words = ("users", "grant", "viewer.1000000001@clinic.example", "viewer", "--merchant", MERCHANT)

    by_admin = at(admin)(*words, "--allow", "sync.manual")
    by_owner = at(owner)(*words, "--allow", "sync.manual")
    taken_away_by_admin = at(admin)(*words)

    assert [ran.code for ran in (by_admin, by_owner, taken_away_by_admin)] == [4, 0, 4]


def test_s14_platform_commands_are_for_super_admins_and_the_operator(
    at: As, warehouse: WarehouseUnderTest
) -> None:
    as_owner = at(has_person_as(warehouse, "tenant_owner"))
    as_root = at(has_person(warehouse, "root@platform.example", platform_role=SUPER_ADMIN))
    commands = [
        ("users", "add", "boss@clinic.example", "--super-admin"),
        ("users", "token", "tenant_owner.1000000001@clinic.example"),
        ("users", "deactivate", "boss@clinic.example"),
        ("users", "activate", "boss@clinic.example"),
        ("users", "migrate-owners"),
        ("access", "check", MERCHANT, "both"),
        ("access", "owner", "root@platform.example", "--merchant", MERCHANT),
    ]

    assert [as_owner(*words).code for words in commands] == [ExitCode.DENIED] * len(commands)
    assert [as_root(*words).code for words in commands] == [0] * len(commands)
    assert warehouse.value("SELECT count(*) FROM mx.users WHERE platform_role IS NOT NULL") == 2


def test_a_refusal_says_which_permission_is_missing_and_who_can_give_it(
    at: As, warehouse: WarehouseUnderTest
) -> None:
    as_nurse = at(has_person_as(warehouse, "nurse"))

    here_ = as_nurse("users", "invite", "x@clinic.example", "viewer", "--merchant", MERCHANT)
    nowhere = as_nurse("users", "invite", "x@clinic.example", "viewer", "--merchant", 77)
    as_json = as_nurse("users", "invite", "x@clinic.example", "viewer", "--merchant", MERCHANT, "--json")

    assert "users.invite" in here_.sentence
    assert "tenant_owner, tenant_admin do" in here_.sentence
    assert "users grant" in here_.sentence
    # Nobody learns so which merchants there are.
    assert nowhere.sentence == here_.sentence.replace(str(MERCHANT), "77").replace("nurse", "none")
    assert as_json.answer["error"]["code"] == "access_denied"
    assert [merchant for merchant, *_ in audited(warehouse, "access.refused")] == [MERCHANT, 0, MERCHANT]


def test_people_see_the_people_of_their_merchant_only(at: As, warehouse: WarehouseUnderTest) -> None:
    as_owner = at(has_person_as(warehouse, "tenant_owner"))
    has_person_as(warehouse, "nurse")
    has_person_as(warehouse, "nurse", OTHER)

    own = as_owner(
        "users", "permissions", "nurse.1000000001@clinic.example", "--merchant", MERCHANT, "--json"
    )
    foreign = as_owner("users", "permissions", "nurse.1000000002@clinic.example", "--merchant", MERCHANT)
    everybody = as_owner("users", "list", "--json").answer["users"]

    assert own.answer["permissions"][0]["role"] == "nurse"
    assert (foreign.code, "nobody with the address" in foreign.sentence) == (ExitCode.USAGE, True)
    assert [user["email"] for user in everybody] == ["tenant_owner.1000000001@clinic.example"]


def test_an_invitation_is_good_once_for_whom_it_names(
    at: As, here: Here, warehouse: WarehouseUnderTest
) -> None:
    admin = has_person_as(warehouse, "tenant_admin")
    invited = at(admin)("users", "invite", "New@clinic.example", "nurse", "--merchant", MERCHANT, "--json")
    secret = invited.answer["invitation"]

    accepted = here("users", "accept", "--json", MX_INVITATION=secret)
    again = here("users", "accept", MX_INVITATION=secret)
    guessed = here("users", "accept", MX_INVITATION=secret[:-1] + ("A" if secret[-1] != "A" else "B"))

    assert accepted.answer == {"accepted": {"merchant_id": MERCHANT, "role": "nurse"}}
    assert again.sentence == guessed.sentence
    assert (again.code, guessed.code) == (ExitCode.DENIED, ExitCode.DENIED)
    (person,) = warehouse.rows("SELECT id::text FROM mx.users WHERE email = 'New@clinic.example'")
    assert role_of(warehouse, person[0]) == [(MERCHANT, "nurse", {}, True)]
    assert secret not in warehouse.everything(but="nothing")


def test_an_invitation_ends_with_its_time_and_with_the_rights_of_who_invited(
    at: As, here: Here, warehouse: WarehouseUnderTest
) -> None:
    admin = has_person_as(warehouse, "tenant_admin")
    words = ("users", "invite", "new@clinic.example", "nurse", "--merchant", MERCHANT, "--json")
    late, of_the_dismissed = (at(admin)(*words).answer["invitation"] for _ in range(2))

    warehouse.damage(
        "UPDATE mx.invitations SET expires_at = now() WHERE invitation_id = CAST(:id AS uuid)",
        id=late.split("_")[1],
    )
    here("users", "revoke", "tenant_admin.1000000001@clinic.example", "--merchant", MERCHANT)

    assert here("users", "accept", MX_INVITATION=late).code == ExitCode.DENIED
    assert here("users", "accept", MX_INVITATION=of_the_dismissed).code == ExitCode.DENIED
    assert warehouse.rows("SELECT 1 FROM mx.users WHERE email = 'new@clinic.example'") == []


def test_an_invitation_never_lowers_or_raises_whom_the_inviter_may_not_change(
    at: As, here: Here, warehouse: WarehouseUnderTest
) -> None:
    admin, owner = has_person_as(warehouse, "tenant_admin"), has_person_as(warehouse, "tenant_owner")
    secret = at(admin)(
        "users",
        "invite",
        "tenant_owner.1000000001@clinic.example",
        "viewer",
        "--merchant",
        MERCHANT,
        "--json",
    ).answer["invitation"]

    assert here("users", "accept", MX_INVITATION=secret).code == ExitCode.DENIED
    assert [role for _, role, *_ in role_of(warehouse, owner)] == ["tenant_owner"]


def test_who_can_see_what_and_who_did(at: As, here: Here, warehouse: WarehouseUnderTest) -> None:
    owner = has_person_as(warehouse, "tenant_owner")
    nurse = has_person_as(warehouse, "nurse")
    has_person_as(warehouse, "clinic_staff", OTHER)
    has_person(warehouse, "root@platform.example", platform_role=SUPER_ADMIN)
    at(nurse)("users", "invite", "x@clinic.example", "viewer", "--merchant", MERCHANT)

    found = at(owner)("access", "review", "--json").answer["review"]
    of_another = at(owner)("access", "review", "--merchant", OTHER)
    table = here("access", "review")

    people = {one["email"]: one for one in found if one["role"]}
    assert {one["merchant_id"] for one in found} == {MERCHANT}
    assert people["nurse.1000000001@clinic.example"]["sees"] == ["invoices"]
    assert people["root@platform.example"]["sees"] == ["names", "payments", "invoices", "figures"]
    assert [did["action"] for did in people["nurse.1000000001@clinic.example"]["did"]] == ["access.refused"]
    assert of_another.code == ExitCode.DENIED
    assert "clinic_staff.1000000002@clinic.example" in table.out


def _gives_and_takes_back(giver: Here, warehouse: WarehouseUnderTest, guest: str, role: str) -> bool:
    given = giver("users", "grant", "guest@clinic.example", role, "--merchant", MERCHANT)
    happened = [kept for _, kept, _, is_active in role_of(warehouse, guest) if is_active] == [role]
    if not denied(given):
        assert happened
        warehouse.damage(
            "UPDATE mx.user_tenant_permissions SET role = 'viewer' WHERE user_id = CAST(:guest AS uuid)",
            guest=guest,
        )
    return not denied(given)
