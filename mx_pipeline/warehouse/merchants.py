"""The tenants: who they are, and their API keys, sealed on the way in and opened only by the loader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from mx_pipeline.errors import BadInput, UnknownMerchant
from mx_pipeline.sealing import Sealer
from mx_pipeline.warehouse.connections import Session, Tenant
from mx_pipeline.warehouse.limits import LONGEST_WAIT

KEY = "consumer_key"
SECRET = "consumer_secret"  # noqa: S105 # the name of the column


@dataclass(frozen=True)
class Merchant:
    """One tenant, without its key."""

    merchant_id: int
    name: str
    environment: str
    timezone: str
    is_active: bool
    credentials_refused_at: datetime | None
    interval_minutes: int | None = None
    """How often the schedule asks for a sync; None: as often as the schedule itself says."""

    @property
    def zone(self) -> ZoneInfo:
        """Where the merchant's days begin."""
        return ZoneInfo(self.timezone)


@dataclass(frozen=True)
class Credentials:
    """An opened API key; it lives in memory only, and prints as nothing."""

    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)


def add_merchant(
    tenant: Tenant, sealer: Sealer, credentials: Credentials, *, name: str, environment: str, timezone: str
) -> bool:
    """Register the tenant; False where it is already here, and then nothing changes."""
    sealed = _sealed(tenant, sealer, credentials)
    added = tenant.run(
        "merchants", "add_merchant", name=name, environment=environment, timezone=timezone, **sealed
    )
    return added.one_or_none() is not None


def replace_key(tenant: Tenant, sealer: Sealer, credentials: Credentials) -> None:
    """Seal another key; a merchant paused for a refused one goes on. Raises UnknownMerchant."""
    replaced = tenant.run("merchants", "replace_key", **_sealed(tenant, sealer, credentials))
    if replaced.one_or_none() is None:
        raise unknown(tenant.merchant_id)


def set_active(tenant: Tenant, *, is_active: bool) -> None:
    """Pause or resume the tenant. Raises UnknownMerchant."""
    if tenant.run("merchants", "set_active", is_active=is_active).one_or_none() is None:
        raise unknown(tenant.merchant_id)


def get_merchant(tenant: Tenant) -> Merchant:
    """The tenant of this connection. Raises UnknownMerchant."""
    row = tenant.run("merchants", "merchant").one_or_none()
    if row is None:
        raise unknown(tenant.merchant_id)
    return _merchant(row)


def get_credentials(tenant: Tenant, sealer: Sealer) -> tuple[Merchant, Credentials]:
    """The tenant and its opened key; for the loader. Raises UnknownMerchant, SealBroken."""
    row = tenant.run("merchants", "merchant_with_key").one_or_none()
    if row is None:
        raise unknown(tenant.merchant_id)

    def opened(name: str, sealed: memoryview) -> str:
        return sealer.open(
            bytes(sealed), merchant_id=tenant.merchant_id, name=name, key_id=row.sealing_key_id
        )

    return _merchant(row), Credentials(opened(KEY, row.consumer_key), opened(SECRET, row.consumer_secret))


def list_merchants(session: Session) -> list[Merchant]:
    """Every tenant; for the dispatcher."""
    return [_merchant(row) for row in session.run("merchants", "merchants")]


def active_merchants(session: Session) -> list[int]:
    """The ids of the tenants that are to be synced; for the dispatcher."""
    return session.column("merchants", "active_merchants")


def merchant_states(session: Session, only: int | None = None) -> Sequence[Any]:
    """Rows for `status`: freshness, last outcome, verdict, quarantine; for the dispatcher."""
    return session.run("merchants", "merchant_states", only=only, **LONGEST_WAIT).all()


def unknown(merchant_id: int) -> UnknownMerchant:
    """The error for an id that no merchant has."""
    return UnknownMerchant(
        f"there is no merchant {merchant_id}; see mx-pipeline merchants list, or add it with "
        f"mx-pipeline merchants add {merchant_id}"
    )


def paused(merchant_id: int) -> BadInput:
    """The error for a sync of a merchant that a person has paused."""
    return BadInput(
        f"merchant {merchant_id} is paused; resume it first with: mx-pipeline merchants resume {merchant_id}"
    )


def _merchant(row: Any) -> Merchant:
    return Merchant(
        merchant_id=row.merchant_id,
        name=row.name,
        environment=row.environment,
        timezone=row.timezone,
        is_active=row.is_active,
        credentials_refused_at=row.credentials_refused_at,
        interval_minutes=row.interval_minutes,
    )


def _sealed(tenant: Tenant, sealer: Sealer, credentials: Credentials) -> dict[str, object]:
    merchant_id = tenant.merchant_id
    return {
        KEY: sealer.seal(credentials.consumer_key, merchant_id=merchant_id, name=KEY),
        SECRET: sealer.seal(credentials.consumer_secret, merchant_id=merchant_id, name=SECRET),
        "sealing_key_id": sealer.current.key_id,
    }
