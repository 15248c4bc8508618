"""What each role may write: nurses that data were sent, and nothing else; names are empty, never an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from mx_pipeline.access import OPERATOR, Overrides, TenantRole
from mx_pipeline.errors import WarehouseError
from mx_pipeline.warehouse.refusals import translated
from mx_pipeline_tests.fakes.people import has_person_as
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

ROLES: tuple[TenantRole, ...] = (
    "tenant_owner",
    "tenant_admin",
    "clinic_staff",
    "nurse",
    "viewer",
    "investor",
)
ROW = """
    INSERT INTO mx.payments (merchant_id, mx_payment_id, created, amount, status, payload, observed_at)
    VALUES (:merchant_id, 7, now(), 10, 'Settled', '{}', now());
    INSERT INTO mx.payment_people VALUES (:merchant_id, 7, 'Pat Secret', 'C7');
    INSERT INTO mx.invoice_documents (merchant_id, mx_invoice_id, invoice_number, observed_at)
    VALUES (:merchant_id, 70, 700, now());
    INSERT INTO mx.invoice_people (merchant_id, mx_invoice_id, customer_name) VALUES (:merchant_id, 70, 'Pat Secret')
"""
DATA_SENT = (
    "UPDATE mx.invoices SET data_sent_status = 'yes', data_sent_at = now(), data_sent_notes = 'by hand'",
    """INSERT INTO mx.invoice_workflow (merchant_id, mx_invoice_id, data_sent_status) VALUES (1000000001, 70, 'no')
       ON CONFLICT (merchant_id, mx_invoice_id) DO UPDATE SET data_sent_status = 'no'""",
)
ORDERED = (
    "UPDATE mx.invoices SET ordered_by_provider_at = now()",
    "UPDATE mx.invoices SET ordered_by_provider_at = now(), data_sent_status = 'yes'",
    """INSERT INTO mx.invoice_workflow (merchant_id, mx_invoice_id, ordered_by_provider_at)
       VALUES (1000000001, 70, now()) ON CONFLICT (merchant_id, mx_invoice_id) DO UPDATE
       SET ordered_by_provider_at = now()""",
)
MEMBERSHIP = ("UPDATE mx.transactions SET membership_status = 'paused'",)
FROM_MX = ("UPDATE mx.invoices SET total_amount = 0", "UPDATE mx.transactions SET amount = 0")
STATEMENTS = DATA_SENT + ORDERED + MEMBERSHIP + FROM_MX
WRITES: dict[str, tuple[str, ...]] = {
    "tenant_owner": DATA_SENT + ORDERED + MEMBERSHIP,
    "tenant_admin": DATA_SENT + ORDERED + MEMBERSHIP,
    "clinic_staff": MEMBERSHIP,
    "nurse": DATA_SENT,
    "viewer": (),
    "investor": (),
}
"""The whole table of who writes what people write."""

Writes = Callable[[str, str], bool]


@pytest.fixture
def clinic(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    """A payment and an invoice with a name each."""
    warehouse.has_merchant(MERCHANT)
    warehouse.damage(ROW, merchant_id=MERCHANT)
    return warehouse


@pytest.fixture
def writes(clinic: WarehouseUnderTest) -> Writes:
    """Whether a person's statement changes a row."""

    def tried(person: str, statement: str) -> bool:
        try:
            with translated(), clinic.app.merchant(MERCHANT, person=person) as tenant:
                return tenant.connection.execute(text(statement)).rowcount > 0
        except WarehouseError:
            return False

    return tried


@pytest.mark.parametrize("role", ROLES)
def test_a_role_writes_what_the_table_says_and_nothing_else(
    clinic: WarehouseUnderTest, writes: Writes, role: TenantRole
) -> None:
    person = has_person_as(clinic, role)

    assert tuple(statement for statement in STATEMENTS if writes(person, statement)) == WRITES[role]


def test_a_nurse_of_another_clinic_and_one_whose_time_is_over_write_nothing(
    clinic: WarehouseUnderTest, writes: Writes
) -> None:
    clinic.has_merchant(MERCHANT + 1)
    strangers = [
        has_person_as(clinic, "nurse", MERCHANT + 1),
        has_person_as(clinic, "nurse", MERCHANT, expires_at=datetime(2026, 1, 1, tzinfo=UTC)),
        "",
    ]

    assert [person for person in strangers for statement in STATEMENTS if writes(person, statement)] == []


def test_what_a_nurse_wrote_keeps_what_the_provider_ordered(clinic: WarehouseUnderTest) -> None:
    admin, nurse = has_person_as(clinic, "tenant_admin"), has_person_as(clinic, "nurse")
    with clinic.app.merchant(MERCHANT, person=admin) as tenant:
        tenant.connection.execute(text("UPDATE mx.invoices SET ordered_by_provider_at = '2026-03-01T12:00Z'"))

    with clinic.app.merchant(MERCHANT, person=nurse) as tenant:
        tenant.connection.execute(text("UPDATE mx.invoices SET data_sent_status = 'yes'"))

    assert clinic.rows("SELECT data_sent_status, ordered_by_provider_at FROM mx.invoice_workflow") == [
        ("yes", datetime(2026, 3, 1, 12, tzinfo=UTC))
    ]


@pytest.mark.parametrize(
    ("role", "name"),
    [
        ("tenant_owner", "Pat Secret"),
        ("tenant_admin", "Pat Secret"),
        ("clinic_staff", "Pat Secret"),
        ("viewer", None),
    ],
)
def test_a_name_is_empty_without_the_permission_and_never_an_error(
    clinic: WarehouseUnderTest, role: TenantRole, name: str | None
) -> None:
    person = has_person_as(clinic, role)

    with clinic.app.merchant(MERCHANT, person=person) as tenant:
        payments = tenant.connection.execute(text("SELECT customer_name FROM mx.transactions")).scalars()
        invoices = tenant.connection.execute(text("SELECT customer_name FROM mx.invoices")).scalars()

        assert (list(payments), list(invoices)) == ([name], [name])


def test_a_nurse_sees_invoices_without_a_name_and_with_one_where_it_was_granted(
    clinic: WarehouseUnderTest,
) -> None:
    plain = has_person_as(clinic, "nurse")
    clinic.has_merchant(MERCHANT + 1)
    clinic.damage(ROW, merchant_id=MERCHANT + 1)
    granted = has_person_as(
        clinic, "nurse", MERCHANT + 1, overrides=Overrides(grant=frozenset({"names.view"}))
    )

    for merchant_id, person, name in ((MERCHANT, plain, None), (MERCHANT + 1, granted, "Pat Secret")):
        with clinic.app.merchant(merchant_id, person=person) as tenant:
            rows = tenant.connection.execute(text("SELECT customer_name FROM mx.invoices")).scalars()
            assert list(rows) == [name]
    with clinic.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        rows = tenant.connection.execute(text("SELECT customer_name FROM mx.invoices")).scalars()
        assert list(rows) == [None]
