"""People and their rows at merchants: who is here, what is known of them, what was given to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from mx_pipeline.access import NO_OVERRIDES, Access, Overrides, PermissionRow, Standing, TenantRole
from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.connections import Session, Tenant
from mx_pipeline.warehouse.merchants import unknown


@dataclass(frozen=True)
class User:
    """One person."""

    id: str
    email: str
    display_name: str | None
    platform_role: str | None
    is_active: bool
    created_at: datetime


def get_standing(session: Session, person: str, merchant_id: int | None) -> Standing | None:
    """All that is known of a person at a merchant, or of the platform alone; None where there is no such person."""
    row = session.run("people", "standing", person=person, at_merchant=merchant_id).one_or_none()
    if row is None:
        return None
    return Standing(
        at=row.at,
        is_active=row.is_active,
        platform_role=row.platform_role,
        owns_configuration=row.owns_configuration,
        access_check=row.access_check,
        row=None if row.role is None else _permission_row(row),
    )


def add_user(session: Session, email: str, *, name: str | None, platform_role: str | None = None) -> str:
    """Register a person, and return their id. Raises BadInput where the address is somebody's already."""
    added = session.run("people", "add_user", email=email, display_name=name, platform_role=platform_role)
    row = added.one_or_none()
    if row is None:
        raise BadInput(f"{email} is here already; see mx-pipeline users list")
    return str(row.id)


def find_user(session: Session, email: str) -> User | None:
    """The person with this address, as far as whoever asks may see them."""
    row = session.run("people", "user_by_email", email=email).one_or_none()
    return None if row is None else user_of(row)


def give_role(
    tenant: Tenant,
    user_id: str,
    role: TenantRole,
    *,
    overrides: Overrides = NO_OVERRIDES,
    granted_by: str | None = None,
    expires_at: datetime | None = None,
) -> None:
    """Give a person this role here, in place of what they had. Raises RowRefused for what may not be given."""
    tenant.run(
        "people",
        "give_role",
        user_id=user_id,
        role=role,
        permissions=msgspec.json.encode(overrides.as_json()).decode(),
        granted_by=granted_by,
        expires_at=expires_at,
    )


def take_role(tenant: Tenant, user_id: str) -> bool:
    """The person may do nothing here any more; False where they could not before."""
    return tenant.run("people", "take_role", user_id=user_id).one_or_none() is not None


def list_users(session: Session) -> list[User]:
    """Everyone whom whoever asks may see."""
    return [user_of(row) for row in session.run("people", "users")]


def set_user_active(session: Session, user_id: str, *, is_active: bool) -> None:
    """Let a person in, or out, everywhere."""
    session.one("people", "set_user_active", user_id=user_id, is_active=is_active)


def merchants_of(session: Session, person: str) -> dict[int, Access]:
    """Every merchant where a person may do anything, and what."""
    return {
        row.merchant_id: Access(row.role, row.through, frozenset(row.permissions))
        for row in session.run("people", "merchants_of", person=person)
    }


def row_of(tenant: Tenant, user_id: str) -> tuple[PermissionRow | None, bool]:
    """What a person was given at this merchant, in force or not; and whether its configuration names them."""
    row = tenant.run("people", "row_of", user_id=user_id).one_or_none()
    if row is None:
        raise unknown(tenant.merchant_id)
    if row.role is None:
        return None, bool(row.owns)
    given = PermissionRow(row.role, overrides_of(row.permissions), row.is_active, row.expires_at)
    return given, bool(row.owns)


def user_of(row: Any) -> User:
    """A person as a row of `mx.users` tells."""
    return User(
        id=str(row.id),
        email=row.email,
        display_name=row.display_name,
        platform_role=row.platform_role,
        is_active=row.is_active,
        created_at=row.created_at,
    )


def overrides_of(permissions: Mapping[str, list[str]] | None) -> Overrides:
    """What `user_tenant_permissions.permissions` says."""
    words = permissions or {}
    return Overrides(frozenset(words.get("grant", ())), frozenset(words.get("revoke", ())))


def _permission_row(row: Any) -> PermissionRow:
    return PermissionRow(
        role=row.role,
        overrides=overrides_of(row.overrides),
        is_active=row.row_is_active,
        expires_at=row.expires_at,
    )
