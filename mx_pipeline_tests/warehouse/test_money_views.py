"""Who reads the views of money, and who is told of customers there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from mx_pipeline.access import TenantRole
from mx_pipeline.records import Payment
from mx_pipeline.warehouse.deriving import derive
from mx_pipeline.warehouse.loading import load_payments
from mx_pipeline_tests.fakes.people import has_person_as
from mx_pipeline_tests.fakes.people_with_sql import PeopleWithSql, people
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

__all__ = ["people"]

OTHER = MERCHANT + 1
NOON = datetime(2026, 3, 1, 18, tzinfo=UTC)
CENSUS = """SELECT customer_name, product_name, membership_status, sales, recurring_sales, first_day::text,
                   last_day::text, gross
              FROM mx.membership_census ORDER BY customer_name, gross DESC"""
MIX = "SELECT product_name, sales, customers, share_of_gross FROM mx.product_mix"
VIEWS = """SELECT relname FROM pg_class
            WHERE relnamespace = 'mx'::regnamespace AND relkind = 'v'
              AND relname ~ '^(payment_money|money_by|revenue_by|product_mix|membership_census)'"""
WITH_NAMES = [
    ("Pat New-Name", "Without a product", "paused", 2, 2, "2026-03-01", "2026-03-02", Decimal(30)),
    ("Sam Sample", "Without a product", None, 1, 0, "2026-03-01", "2026-03-01", Decimal(5)),
    (None, "Without a product", "active", 1, 1, "2026-03-01", "2026-03-01", Decimal(7)),
]
WITHOUT_NAMES = [(None, "Without a product", "paused", 4, 3, "2026-03-01", "2026-03-02", Decimal(42))]


@pytest.fixture
def clinic(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    """Pat came twice and changed a name, Sam once; one payment names nobody. A neighbour has the same."""
    told: list[tuple[int, str | None, str | None, str, int]] = [
        (1, "Pat Sample", " P1 ", "Recurring", 10),
        (2, "Pat New-Name", "P1", "Recurring", 20),
        (3, "Sam Sample", None, "QuickPay", 5),
        (4, None, "", "Recurring", 7),
    ]
    payments = [
        Payment(
            payment_id=mx_id, created=NOON + timedelta(days=mx_id == 2), amount=Decimal(amount), status="Settled",
            source=source, type="Sale", customer_name=name, customer_code=code,
        )
        for mx_id, name, code, source, amount in told
    ]  # fmt: skip
    for merchant_id in (MERCHANT, OTHER):
        warehouse.has_merchant(merchant_id)
        with warehouse.loader.merchant(merchant_id) as tenant:
            load_payments(tenant, payments, observed_at=NOON)
            derive(tenant, None)
        warehouse.damage(
            "INSERT INTO mx.transaction_workflow (merchant_id, mx_payment_id, membership_status)"
            " VALUES (:m, 2, 'paused')",
            m=merchant_id,
        )
    return warehouse


def read(clinic: WarehouseUnderTest, role: TenantRole, statement: str) -> list[tuple[Any, ...]]:
    """As somebody new with this role."""
    person = has_person_as(clinic, role, email=f"{uuid4()}@clinic.example")
    with clinic.app.merchant(MERCHANT, person=person) as tenant:
        return [tuple(row) for row in tenant.connection.execute(text(statement))]


def test_the_census_names_patients_to_those_who_may_see_names(
    clinic: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    assert read(clinic, "clinic_staff", CENSUS) == WITH_NAMES
    assert people.add(MERCHANT, sees_names=True).reads(CENSUS) == WITH_NAMES


def test_without_the_names_permission_patients_are_neither_named_nor_told_apart(
    clinic: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    analyst = people.add(MERCHANT)

    assert read(clinic, "viewer", CENSUS) == analyst.reads(CENSUS) == WITHOUT_NAMES
    assert analyst.reads(MIX) == [("Without a product", 4, None, 1)]
    assert people.add(MERCHANT, sees_names=True).reads(MIX) == [("Without a product", 4, 2, 1)]


def test_money_is_read_by_permission_and_never_across_merchants(
    clinic: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    analyst, investor = people.add(MERCHANT), people.add(MERCHANT, kind="investor")
    views = [view for (view,) in clinic.rows(VIEWS)]

    assert len(views) == 6
    for view in views:
        everything = f"SELECT DISTINCT merchant_id FROM mx.{view}"
        assert analyst.reads(everything) == read(clinic, "viewer", everything) == [(MERCHANT,)]
        assert read(clinic, "nurse", everything) == read(clinic, "investor", everything) == []
        assert investor.is_refused(everything) == "42501"
