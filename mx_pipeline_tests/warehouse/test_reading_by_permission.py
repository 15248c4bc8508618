"""What the application reads for a person is what that person may see; for nobody it reads nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from mx_pipeline.access import NOBODY, OPERATOR, SUPER_ADMIN, Overrides
from mx_pipeline.errors import WarehouseError
from mx_pipeline.records import Payment
from mx_pipeline.warehouse.loading import load_payments
from mx_pipeline.warehouse.people import give_role, take_role
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.fakes.people import has_person, has_person_as
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

OTHER = MERCHANT + 1
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clinic(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    """Two clinics with a payment and an invoice each, both with a customer's name."""
    for merchant_id in (MERCHANT, OTHER):
        warehouse.has_merchant(merchant_id)
        payment = Payment(
            payment_id=7, created=NOON, amount=Decimal(1), status="Approved", customer_name="Pat Sample"
        )
        with warehouse.loader.merchant(merchant_id) as tenant:
            load_payments(tenant, [payment], observed_at=NOON)
        warehouse.damage(
            """INSERT INTO mx.invoice_documents (merchant_id, mx_invoice_id, invoice_number, observed_at)
               VALUES (:merchant_id, 9, 1009, now())""",
            merchant_id=merchant_id,
        )
        warehouse.damage(
            "INSERT INTO mx.invoice_people (merchant_id, mx_invoice_id, customer_name)"
            " VALUES (:merchant_id, 9, 'Pat Sample')",
            merchant_id=merchant_id,
        )
    return warehouse


def _seen(clinic: WarehouseUnderTest, person: str, merchant_id: int = MERCHANT) -> tuple[int, int, int, int]:
    """How many payments, invoices, names on payments, names on invoices."""
    with clinic.app.merchant(merchant_id, person=person) as tenant:
        row = tenant.connection.execute(
            text(
                """SELECT (SELECT count(*) FROM mx.transactions),
                          (SELECT count(*) FROM mx.invoices),
                          (SELECT count(customer_name) FROM mx.transactions),
                          (SELECT count(customer_name) FROM mx.invoices)"""
            )
        ).one()
    return tuple(row)


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        ("tenant_owner", (1, 1, 1, 1)),
        ("tenant_admin", (1, 1, 1, 1)),
        ("clinic_staff", (1, 1, 1, 1)),
        ("nurse", (0, 1, 0, 0)),
        ("viewer", (1, 1, 0, 0)),
        ("investor", (0, 0, 0, 0)),
    ],
)
def test_a_person_reads_what_the_role_allows_and_nothing_of_another_clinic(
    clinic: WarehouseUnderTest, role: str, seen: tuple[int, ...]
) -> None:
    person = has_person_as(clinic, role)

    assert _seen(clinic, person) == seen
    assert _seen(clinic, person, OTHER) == (0, 0, 0, 0)


def test_nobody_reads_nothing_and_the_operator_all_but_names(clinic: WarehouseUnderTest) -> None:
    root = has_person(clinic, "root@platform.example", platform_role=SUPER_ADMIN)

    assert _seen(clinic, NOBODY) == (0, 0, 0, 0)
    assert _seen(clinic, OPERATOR) == (1, 1, 0, 0)
    assert _seen(clinic, root) == _seen(clinic, root, OTHER) == (1, 1, 1, 1)


def test_names_on_payments_need_the_payments_too(clinic: WarehouseUnderTest) -> None:
    nurse = has_person_as(clinic, "nurse", overrides=Overrides(grant=frozenset({"names.view"})))

    assert _seen(clinic, nurse) == (0, 1, 0, 1)
    with clinic.app.merchant(MERCHANT, person=nurse) as tenant:
        assert tenant.connection.execute(text("SELECT count(*) FROM mx.payment_people")).scalar() == 0


def test_s15_a_permission_that_is_taken_away_is_gone_with_the_next_request(
    clinic: WarehouseUnderTest,
) -> None:
    staff = has_person_as(clinic, "clinic_staff")
    before = _seen(clinic, staff)

    with clinic.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        take_role(tenant, staff)

    assert (before, _seen(clinic, staff)) == ((1, 1, 1, 1), (0, 0, 0, 0))


def test_a_connection_keeps_nothing_of_the_person_before(clinic: WarehouseUnderTest) -> None:
    owner = has_person_as(clinic, "tenant_owner")
    _seen(clinic, owner)

    with clinic.app.merchant(MERCHANT) as tenant:
        assert tenant.connection.execute(text("SELECT mx.current_person()")).scalar() is None
    assert _seen(clinic, NOBODY) == (0, 0, 0, 0)


@pytest.mark.parametrize("role", ["clinic_staff", "nurse", "viewer", "investor"])
def test_whoever_may_not_sync_cannot_ask_by_sql_either(clinic: WarehouseUnderTest, role: str) -> None:
    person = has_person_as(clinic, role)

    with (
        pytest.raises(WarehouseError, match="row-level security"),
        clinic.app.merchant(MERCHANT, person=person) as tenant,
    ):
        ask(tenant, SyncRequest(f"user:{person}", "command"))


def test_an_emergency_is_a_permission_of_its_own(clinic: WarehouseUnderTest) -> None:
    admin, owner = has_person_as(clinic, "tenant_admin"), has_person_as(clinic, "tenant_owner")
    emergency = SyncRequest("somebody", "command", mode="latest", latest=500, emergency=True, reason="audit")

    with clinic.app.merchant(MERCHANT, person=owner) as tenant:
        ask(tenant, emergency)
    with (
        pytest.raises(WarehouseError, match="row-level security"),
        clinic.app.merchant(MERCHANT, person=admin) as tenant,
    ):
        ask(tenant, emergency)


def test_nobody_but_the_owner_changes_the_configuration(clinic: WarehouseUnderTest) -> None:
    paused = text("UPDATE mx.mx_merchant_configs SET is_active = false WHERE merchant_id = :id RETURNING 1")
    changed = {}
    for role in ("tenant_admin", "clinic_staff", "nurse", "viewer", "investor", "tenant_owner"):
        with clinic.app.merchant(MERCHANT, person=has_person_as(clinic, role)) as tenant:
            changed[role] = tenant.connection.execute(paused, {"id": MERCHANT}).rowcount

    assert {role for role, rows in changed.items() if rows} == {"tenant_owner"}


def test_a_row_of_permissions_is_given_by_who_may_and_never_to_oneself(clinic: WarehouseUnderTest) -> None:
    admin = has_person_as(clinic, "tenant_admin")
    guest, other = (has_person(clinic, f"{name}@clinic.example") for name in ("guest", "other"))

    with clinic.app.merchant(MERCHANT, person=admin) as tenant:
        give_role(tenant, guest, "clinic_staff", granted_by=admin)
    for receiver, role in (
        (other, "tenant_admin"),
        (guest, "tenant_admin"),
        (guest, "investor"),
        (admin, "viewer"),
    ):
        with (
            pytest.raises(WarehouseError, match="row-level security"),
            clinic.app.merchant(MERCHANT, person=admin) as tenant,
        ):
            give_role(tenant, receiver, role, granted_by=admin)

    assert clinic.rows(
        "SELECT role FROM mx.user_tenant_permissions WHERE user_id = CAST(:guest AS uuid)", guest=guest
    ) == [("clinic_staff",)]


def test_s15_reading_is_decided_as_a_transaction_begins_and_writing_by_each_statement(
    clinic: WarehouseUnderTest,
) -> None:
    admin = has_person_as(clinic, "tenant_admin")
    payments = text("SELECT count(*) FROM mx.transactions")

    with clinic.app.merchant(MERCHANT, person=admin) as tenant:
        with clinic.app.merchant(MERCHANT, person=OPERATOR) as other:
            take_role(other, admin)
        still_read = tenant.connection.execute(payments).scalar()
        with pytest.raises(WarehouseError, match="row-level security"), tenant.savepoint():
            ask(tenant, SyncRequest(f"user:{admin}", "command"))

    assert still_read == 1
    assert _seen(clinic, admin) == (0, 0, 0, 0)


def test_s9_a_merchant_that_was_set_and_not_entered_shows_nothing(clinic: WarehouseUnderTest) -> None:
    owner = has_person_as(clinic, "tenant_owner")
    told = "SELECT set_config('mx.merchant_id', :merchant, true), set_config('mx.user_id', :person, true)"

    with clinic.app.everyone() as session:
        session.connection.execute(text(told), {"merchant": str(MERCHANT), "person": owner})
        seen = session.connection.execute(text("SELECT count(*) FROM mx.transactions")).scalar()

    assert seen == 0


@pytest.mark.parametrize("left", ["payments", "invoices", "names"])
def test_s10_what_another_may_read_and_a_plain_set_left_is_not_believed(
    clinic: WarehouseUnderTest, left: str
) -> None:
    with clinic.app.everyone() as session:
        session.connection.execute(
            text("SELECT set_config(:name, :merchant, false)"),
            {"name": f"mx.may_read_{left}", "merchant": str(OTHER)},
        )

    assert _seen(clinic, has_person_as(clinic, "tenant_owner")) == (1, 1, 1, 1)
    assert _seen(clinic, NOBODY) == _seen(clinic, NOBODY, OTHER) == (0, 0, 0, 0)
    assert _seen(clinic, has_person_as(clinic, "viewer")) == (1, 1, 0, 0)
