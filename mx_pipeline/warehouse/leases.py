"""One sync of a merchant at a time: a lease with a token that fences off whoever lost it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mx_pipeline.errors import LeaseLost, SyncStopped
from mx_pipeline.warehouse.connections import Opening, Tenant

LEASE_SECONDS = 30
"""A dead worker's merchant is free after that."""
LOST = "its process was lost; the pages that it wrote stay, and the next sync goes on where it stopped"


@dataclass(frozen=True)
class Held:
    """The lease, held for one transaction."""

    has_landed: bool
    """An earlier try of this very transaction was committed."""
    key_seen: str
    """Another one, where the merchant's key was replaced or sealed anew."""


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


def holding(token: int, *, batch: str, opening: Opening | None = None) -> Opening:
    """What a transaction that writes begins with; `batch` names it.

    `opening`: one that holds the lease and does more.
    """
    opening = opening or Opening("enter_holding_lease")
    return replace(opening, parameters={**opening.parameters, "token": token, "batch": batch})


def held_by(tenant: Tenant, *, closes: bool = False) -> Held:
    """What a transaction that was opened with `holding` has found. Raises LeaseLost, SyncStopped.

    `closes`: the run's own end is written for a paused merchant, too.
    """
    row = tenant.opened_with
    if row is None or row.has_landed is None:
        is_here = tenant.run("merchants", "merchant").one_or_none() is not None
        raise lost(tenant.merchant_id) if is_here else _stopped(tenant.merchant_id)
    if not (row.is_active or closes):
        raise _stopped(tenant.merchant_id)
    if row.stop is not None and not closes:
        raise SyncStopped(row.stop)
    return Held(row.has_landed, row.key_seen)


def release_lease(tenant: Tenant, token: int) -> None:
    """Let the next one have it at once."""
    tenant.run("leases", "release_lease", token=token)


def _stopped(merchant_id: int) -> SyncStopped:
    return SyncStopped(
        f"merchant {merchant_id} was paused or removed while its sync ran; nothing was written after that"
    )


def lost(merchant_id: int) -> LeaseLost:
    """The error of a process that slept too long."""
    return LeaseLost(
        f"another process has taken the sync of merchant {merchant_id} over, because this one gave no sign of "
        "life; what was committed stays, and the other one goes on"
    )
