"""Registers people, lets them in and keeps them out, and says what they may do."""

from __future__ import annotations

import re

from mx_pipeline.access import SUPER_ADMIN, access_of
from mx_pipeline.errors import BadInput
from mx_pipeline.operations.at_work import PLATFORM, AtWork
from mx_pipeline.operations.giving import get_user
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.people import add_user, get_standing, merchants_of, set_user_active

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
LONGEST_ADDRESS = 254
LONGEST_NAME = 200


def address(text: str) -> str:
    """An e-mail address as a person types it. Raises BadInput."""
    email = text.strip()
    if not ADDRESS.fullmatch(email) or len(email) > LONGEST_ADDRESS or not email.isprintable():
        raise BadInput(
            f"{email[:LONGEST_ADDRESS]!r} is no e-mail address: type one such as kim@clinic.example"
        )
    return email


def add(here: AtWork, email: str, *, name: str | None, is_super_admin: bool) -> str:
    """Register a person. Returns their id."""
    email = address(email)
    if name is not None and not (0 < len(name.strip()) <= LONGEST_NAME and name.isprintable()):
        raise BadInput(f"the name must be 1 to {LONGEST_NAME} characters on one line")
    here.require("users.manage", PLATFORM)
    role = SUPER_ADMIN if is_super_admin else None
    with here.platform() as session:
        user_id = add_user(session, email, name=name and name.strip(), platform_role=role)
        record(
            session,
            actor=here.person.actor,
            action="user.added",
            subject=f"user:{user_id}",
            detail={"platform_role": role},
        )
    return user_id


def set_active(here: AtWork, email: str, *, is_active: bool) -> str:
    """Let somebody in again, or keep them out everywhere, and say so."""
    here.require("users.manage", PLATFORM)
    with here.platform() as session:
        user = get_user(session, email)
        if user.id == here.person.user_id:
            raise BadInput("nobody locks themselves out; ask another super admin or the operator")
        set_user_active(session, user.id, is_active=is_active)
        record(
            session,
            actor=here.person.actor,
            action="user.changed",
            subject=f"user:{user.id}",
            detail={"is_active": is_active},
        )
    return f"{user.email} is {'active' if is_active else 'kept out: their next request is denied'}"


def permissions(here: AtWork, email: str, merchant_id: int | None) -> list[dict[str, object]]:
    """What somebody may do, at one merchant or everywhere. Others than oneself need users.manage."""
    with here.platform() if merchant_id is None else here.merchant(merchant_id) as session:
        # Whom the asker may not see is not told apart from who is not there.
        user_id = get_user(session, email).id
    if user_id != here.person.user_id:
        here.require("users.manage", merchant_id)
    with here.app.everyone() as session:
        if merchant_id is None:
            found = merchants_of(session, user_id)
        else:
            standing = get_standing(session, user_id, merchant_id)
            access = None if standing is None else access_of(standing)
            found = {} if access is None or access.role is None else {merchant_id: access}
    return [
        {
            "merchant_id": where,
            "role": access.role,
            "through": access.through,
            "permissions": sorted(access.permissions),
        }
        for where, access in found.items()
    ]
