"""People for tests, registered as the commands do it."""

from __future__ import annotations

from datetime import datetime

from mx_pipeline.access import NO_OVERRIDES, OPERATOR, Overrides, TenantRole
from mx_pipeline.warehouse.people import add_user, give_role
from mx_pipeline.warehouse.tokens import issue_token
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest


def has_person(warehouse: WarehouseUnderTest, email: str, *, platform_role: str | None = None) -> str:
    """Somebody who may do nothing yet, unless of the platform. Returns their id."""
    with warehouse.app.everyone(person=OPERATOR) as session:
        return add_user(session, email, name=None, platform_role=platform_role)


def has_person_as(
    warehouse: WarehouseUnderTest,
    role: TenantRole,
    merchant_id: int = MERCHANT,
    *,
    overrides: Overrides = NO_OVERRIDES,
    expires_at: datetime | None = None,
    email: str | None = None,
) -> str:
    """Somebody with a role at a merchant; without an address it is made of both. Returns their id."""
    person = has_person(warehouse, email or f"{role}.{merchant_id}@clinic.example")
    with warehouse.app.merchant(merchant_id, person=OPERATOR) as tenant:
        give_role(tenant, person, role, overrides=overrides, expires_at=expires_at)
    return person


def token_of(warehouse: WarehouseUnderTest, person: str, *, days: int = 1) -> str:
    """A token that says who somebody is."""
    with warehouse.app.everyone(person=OPERATOR) as session:
        return issue_token(session, person, issued_by="operator:test", days=days).text
