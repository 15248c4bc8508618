"""One sync of a merchant at a time: a lease with a token that fences off whoever lost it."""

from __future__ import annotations

from mx_pipeline.errors import LeaseLost
from mx_pipeline.warehouse.connections import Tenant

LEASE_SECONDS = 30
"""A dead worker's merchant is free after that."""
LOST = "its process was lost; the pages that it wrote stay, and the next sync goes on where it stopped"


def take_lease(tenant: Tenant, *, holder: str, batch: str) -> int | None:
    """The token of a lease that is ours from now on; None while somebody else holds it.

    `batch` names this taking, for a second try of it. Runs that a lost process left open are closed, and what they
    should have answered waits again.
    """
    row = tenant.run("leases", "take_lease", holder=holder, batch=batch, seconds=LEASE_SECONDS).one_or_none()
    if row is None:
        return None
    tenant.run("leases", "abandon_runs", holder=holder, message=LOST)
    return row.token


def lease_holder(tenant: Tenant) -> str:
    """Who holds it, or held it last."""
    return tenant.run("leases", "lease_holder").scalar() or "nobody"


def renew_lease(tenant: Tenant, token: int) -> None:
    """Hold it for another LEASE_SECONDS. Raises LeaseLost."""
    if tenant.run("leases", "renew_lease", token=token, seconds=LEASE_SECONDS).one_or_none() is None:
        raise lost(tenant.merchant_id)


def hold_lease(tenant: Tenant, token: int, *, batch: str) -> bool:
    """Before a write, in its transaction, which `batch` names: has an earlier try of it landed? Raises LeaseLost."""
    row = tenant.run("leases", "hold_lease", token=token, batch=batch).one_or_none()
    if row is None:
        raise lost(tenant.merchant_id)
    return bool(row.has_landed)


def release_lease(tenant: Tenant, token: int) -> None:
    """Let the next one have it at once."""
    tenant.run("leases", "release_lease", token=token)


def lost(merchant_id: int) -> LeaseLost:
    """The error of a process that slept too long."""
    return LeaseLost(
        f"another process has taken the sync of merchant {merchant_id} over, because this one gave no sign of "
        "life; what was committed stays, and the other one goes on"
    )
