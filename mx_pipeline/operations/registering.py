"""Registers merchants and changes what is known of them, as the application's role."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict

from mx_pipeline.errors import BadInput, UnknownMerchant
from mx_pipeline.operations.at_work import PLATFORM, AtWork, at_work
from mx_pipeline.operations.consumer_keys import consumer_key, verify
from mx_pipeline.operations.context import opened, settings_in_force
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.audit import Action, record
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
from mx_pipeline.warehouse.merchant_limits import get_limits
from mx_pipeline.warehouse.merchants import (
    Credentials,
    Merchant,
    add_merchant,
    get_merchant,
    list_merchants,
    replace_key,
)
from mx_pipeline.warehouse.merchants import set_active as set_merchant_active
from mx_pipeline.words import MxEnvironment, mx_environment

LONGEST_NAME = 200


def merchant_name(text: str) -> str:
    """A name as a person types it. Raises BadInput."""
    name = text.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise BadInput(
            f"the name must be 1 to {LONGEST_NAME} characters on one line, such as 'Clinic Lakeview'"
        )
    return name


def add(merchant_id: int, *, name: str, environment: MxEnvironment, timezone: str, verifies: bool) -> str:
    """Register a merchant, and say so. Raises BadInput where it is here already, and before any key is asked for."""
    with settings_in_force() as settings, at_work(settings) as here:
        here.require("config.update", PLATFORM)
        with here.merchant(merchant_id) as tenant:
            _refuse_known(tenant)
        credentials = consumer_key()
        if verifies:
            verify(settings, merchant_id, environment, credentials)
        register(
            settings,
            here,
            merchant_id,
            credentials,
            name=name,
            environment=environment,
            timezone=timezone,
            verified=verifies,
        )
    return f"merchant {merchant_id} added"


def register(
    settings: Settings,
    here: AtWork,
    merchant_id: int,
    credentials: Credentials,
    *,
    name: str,
    environment: MxEnvironment,
    timezone: str,
    verified: bool,
) -> None:
    """The merchant, its sealed key and the record of both, in one transaction. Raises BadInput where it is here."""
    with here.merchant(merchant_id) as tenant:
        added = add_merchant(
            tenant, settings.sealer(), credentials, name=name, environment=environment, timezone=timezone
        )
        if not added:
            raise _already_here(merchant_id)
        detail = {"environment": environment, "key_verified": verified}
        record(tenant, actor=here.person.actor, action="merchant.added", detail=detail)


def set_key(merchant_id: int, *, verifies: bool) -> str:
    """Replace the merchant's key, and say so."""
    with settings_in_force() as settings, at_work(settings) as here:
        here.require("config.update", merchant_id)
        with here.merchant(merchant_id) as tenant:
            merchant = get_merchant(tenant)
        credentials = consumer_key()
        if verifies:
            verify(settings, merchant_id, mx_environment(merchant.environment), credentials)
        with here.merchant(merchant_id) as tenant:
            replace_key(tenant, settings.sealer(), credentials)
            detail = {"key_verified": verifies}
            record(tenant, actor=here.person.actor, action="credential.changed", detail=detail)
    return f"merchant {merchant_id} has its new key"


def set_active(merchant_id: int, *, is_active: bool) -> str:
    """Pause or resume the merchant, and say so."""
    with settings_in_force() as settings, at_work(settings) as here:
        here.require("config.update", merchant_id)
        with here.merchant(merchant_id) as tenant:
            set_merchant_active(tenant, is_active=is_active)
            merchant = get_merchant(tenant)
            action: Action = "merchant.resumed" if is_active else "merchant.paused"
            record(tenant, actor=here.person.actor, action=action)
    if is_active and merchant.credentials_refused_at is not None:
        return (
            f"merchant {merchant_id} resumed, but MX Merchant refused its key; "
            f"enter another with: mx-pipeline merchants set-key {merchant_id}"
        )
    return f"merchant {merchant_id} {'resumed' if is_active else 'paused'}"


def all_merchants() -> list[Merchant]:
    """Every merchant where the person may do anything, without its key."""
    with settings_in_force() as settings, at_work(settings) as here:
        allowed = here.merchants()
        with opened(settings, DISPATCHER_ROLE) as dispatcher, dispatcher.everyone() as session:
            known = list_merchants(session)
    return [merchant for merchant in known if allowed is None or merchant.merchant_id in allowed]


def merchant_with_limits(merchant_id: int) -> dict[str, object]:
    """`merchant` in the JSON of a command that changes one. Raises UnknownMerchant."""
    with (
        settings_in_force() as settings,
        at_work(settings) as here,
        here.merchant(merchant_id) as tenant,
    ):
        return {**as_json(get_merchant(tenant)), "limits": asdict(get_limits(tenant))}


def as_json(merchant: Merchant) -> dict[str, object]:
    """One element of `merchants` in `merchants list --json`."""
    refused_at = merchant.credentials_refused_at
    return {
        "merchant_id": merchant.merchant_id,
        "name": merchant.name,
        "environment": merchant.environment,
        "timezone": merchant.timezone,
        "interval_minutes": merchant.interval_minutes,
        "is_active": merchant.is_active,
        "credentials_refused_at": refused_at.isoformat() if refused_at else None,
    }


def _refuse_known(tenant: Tenant) -> None:
    with suppress(UnknownMerchant):
        get_merchant(tenant)
        raise _already_here(tenant.merchant_id)


def _already_here(merchant_id: int) -> BadInput:
    return BadInput(
        f"merchant {merchant_id} is here already; "
        f"replace its key with: mx-pipeline merchants set-key {merchant_id}"
    )
