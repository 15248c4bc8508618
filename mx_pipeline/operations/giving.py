"""Gives people roles at a merchant and takes them away: never more than the giver has, and on the record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from typing import get_args

from mx_pipeline.access import (
    PERMISSIONS,
    SUPER_ADMIN,
    TENANT_ROLES,
    Access,
    Overrides,
    PermissionRow,
    TenantRole,
    may_give,
    taken_by,
)
from mx_pipeline.errors import AccessDenied, BadInput
from mx_pipeline.operations.at_work import EVERYWHERE, AtWork
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.merchants import get_merchant
from mx_pipeline.warehouse.people import User, find_user, give_role, row_of, take_role


def tenant_role(text: str) -> TenantRole:
    """A role as a person types it. Raises BadInput."""
    for role in get_args(TenantRole):
        if text == role:
            return role
    if text == SUPER_ADMIN:
        raise BadInput(
            "super_admin is a role of the whole installation, of no merchant: mx-pipeline users add --super-admin"
        )
    raise BadInput(f"{text!r} is no role: type one of {', '.join(TENANT_ROLES)}")


def overrides(allow: Sequence[str], deny: Sequence[str]) -> Overrides:
    """What --allow and --deny say. Raises BadInput."""
    for word in (*allow, *deny):
        if word not in PERMISSIONS:
            raise BadInput(f"{word!r} is no permission: type one of {', '.join(PERMISSIONS)}")
    lost = taken_by(deny).intersection(allow)
    if lost:
        raise BadInput(f"{', '.join(sorted(lost))} is both allowed and denied; what is denied wins")
    return Overrides(frozenset(allow), frozenset(deny))


def get_user(session: Session, email: str) -> User:
    """The person with this address, as far as the asker sees them. Raises BadInput."""
    found = find_user(session, email.strip())
    if found is None:
        raise BadInput(
            f"nobody with the address {email} is known here; the operator or a super admin can add them "
            "(mx-pipeline users add), and whoever manages people at a merchant can invite them (users invite)"
        )
    return found


def grant(
    here: AtWork, email: str, role: TenantRole, merchant_id: int, *, own: Overrides, until: date | None
) -> str:
    """Give somebody this role with these overrides, in place of what they had, and say so."""
    giver = here.require("users.invite", merchant_id)
    with here.merchant(merchant_id) as tenant:
        zone = get_merchant(tenant).zone
        user = get_user(tenant, email)
        had, owns = row_of(tenant, user.id)
    expires_at = None if until is None else datetime.combine(until, time(), zone).astimezone(UTC)
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise BadInput(f"{until} has begun already: --until names the first day without the permission")
    refuse_unless_gives(here, merchant_id, giver, user.id, had, owns=owns, role=role, own=own)
    with here.merchant(merchant_id) as tenant:
        give_role(
            tenant, user.id, role, overrides=own, granted_by=here.person.granting_id, expires_at=expires_at
        )
        record(
            tenant,
            actor=here.person.actor,
            action="permission.granted" if had is None or not had.is_active else "permission.changed",
            subject=f"user:{user.id}",
            detail={
                "role": role,
                **own.as_json(),
                "before": None if had is None else had.role,
                "expires_at": None if expires_at is None else expires_at.isoformat(),
            },
        )
    return f"{user.email} is {role} at merchant {merchant_id}" + ("" if until is None else f" until {until}")


def revoke(here: AtWork, email: str, merchant_id: int) -> str:
    """Take away what somebody was given here, and say so; their next request is denied."""
    giver = here.require("users.invite", merchant_id)
    with here.merchant(merchant_id) as tenant:
        user = get_user(tenant, email)
        had, owns = row_of(tenant, user.id)
    if owns:
        raise BadInput(
            f"{user.email} owns merchant {merchant_id} by its configuration; name another owner first: "
            f"mx-pipeline access owner EMAIL --merchant {merchant_id}"
        )
    if had is None or not had.is_active:
        raise BadInput(f"{user.email} was given nothing at merchant {merchant_id}")
    refuse_unless_gives(here, merchant_id, giver, user.id, had, owns=owns, role=had.role, own=had.overrides)
    with here.merchant(merchant_id) as tenant:
        take_role(tenant, user.id)
        record(
            tenant,
            actor=here.person.actor,
            action="permission.revoked",
            subject=f"user:{user.id}",
            detail={"before": had.role},
        )
    return f"{user.email} is not {had.role} at merchant {merchant_id} any more"


def refuse_unless_gives(
    here: AtWork,
    merchant_id: int,
    giver: Access,
    receiver: str | None,
    had: PermissionRow | None,
    *,
    owns: bool,
    role: str,
    own: Overrides,
) -> None:
    """Raise AccessDenied, recorded, where the giver may not give that role, or not change what is there."""
    if giver.role in EVERYWHERE:
        return
    why = None
    if receiver == here.person.user_id:
        why = "nobody changes their own permissions"
    elif owns:
        why = "the owner's permissions come from the merchant's configuration"
    elif had is not None and not may_give(giver, had.role, had.overrides):
        why = f"what they were given, {had.role}, is not yours to change"
    elif not may_give(giver, role, own):
        why = f"{role} with these permissions is more than you, {giver.role}, may give"
    if why is not None:
        raise _refused(here, merchant_id, why)


def _refused(here: AtWork, merchant_id: int, why: str) -> AccessDenied:
    return here.refused(
        "users.manage",
        merchant_id,
        f"{why}; the merchant's owner, a super admin or the operator can: mx-pipeline users grant",
    )
