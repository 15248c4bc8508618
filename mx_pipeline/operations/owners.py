"""Owners of old: from the configuration's one user to rows of permissions, and which check rules meanwhile."""

from __future__ import annotations

from mx_pipeline.access import ACCESS_CHECKS, AccessCheck
from mx_pipeline.errors import BadInput
from mx_pipeline.operations.at_work import PLATFORM, AtWork
from mx_pipeline.operations.context import opened
from mx_pipeline.operations.giving import get_user
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
from mx_pipeline.warehouse.merchants import list_merchants, unknown


def migrate(here: AtWork, settings: Settings) -> list[dict[str, object]]:
    """Give every owner that a configuration names a row of permissions; who has one keeps it. Safe to repeat.

    A small transaction for each merchant, that holds nothing a sync waits for.
    """
    here.require("users.manage", PLATFORM)
    with opened(settings, DISPATCHER_ROLE) as dispatcher, dispatcher.everyone() as session:
        merchants = [merchant.merchant_id for merchant in list_merchants(session) if merchant.is_active]
    migrated: list[dict[str, object]] = []
    for merchant_id in merchants:
        with here.merchant(merchant_id) as tenant:
            owner = tenant.run("people", "migrate_owner").scalar()
            if owner is None:
                continue
            record(
                tenant,
                actor=here.person.actor,
                action="permission.granted",
                subject=f"user:{owner}",
                detail={"role": "tenant_owner", "from": "configuration"},
            )
        migrated.append({"merchant_id": merchant_id, "user_id": str(owner)})
    return migrated


def access_check(text: str) -> AccessCheck:
    """Which check rules, as a person types it. Raises BadInput."""
    for known in ACCESS_CHECKS:
        if text == known:
            return known
    raise BadInput(f"{text!r} is no check: type owner, both or permissions")


def set_access_check(here: AtWork, merchant_id: int, check: AccessCheck) -> str:
    """Say which check rules at a merchant from now on."""
    here.require("users.manage", PLATFORM)
    with here.merchant(merchant_id) as tenant:
        if tenant.run("people", "set_access_check", access_check=check).one_or_none() is None:
            raise unknown(merchant_id)
        record(tenant, actor=here.person.actor, action="access.mode_changed", detail={"access_check": check})
    said = {
        "owner": "only the owner whom its configuration names",
        "both": "only the owner whom its configuration names; where permissions say otherwise it is recorded",
        "permissions": "the owner whom its configuration names, and whoever was given a permission",
    }
    return f"at merchant {merchant_id} passes {said[check]}"


def set_owner(here: AtWork, email: str, merchant_id: int) -> str:
    """Name the owner in a merchant's configuration, in place of whom it names."""
    here.require("users.manage", PLATFORM)
    with here.merchant(merchant_id) as tenant:
        user = get_user(tenant, email)
        if tenant.run("people", "set_owner", user_id=user.id).one_or_none() is None:
            raise unknown(merchant_id)
        record(tenant, actor=here.person.actor, action="owner.changed", subject=f"user:{user.id}")
    return f"{user.email} owns merchant {merchant_id}"
