"""Waits for a Postgres that is busy or away: a transaction is run again as a whole, for so long and no longer."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from mx_pipeline.errors import WarehouseUnavailable
from mx_pipeline.warehouse.connections import ENTER, Opening, Tenant, Warehouse
from mx_pipeline.warehouse.leases import Held, held_by, holding, renew_lease

T = TypeVar("T")

LONGEST_PAUSE_SECONDS = 5
LONG_WRITE_SECONDS = 5


def patiently(
    warehouse: Warehouse,
    merchant_id: int,
    what: Callable[[Tenant], T],
    *,
    seconds: float | None = None,
    opening: Opening = ENTER,
) -> T:
    """Run `what` in one transaction inside this merchant, and again as a whole where Postgres was busy or away.

    `what` may run several times, also after it was committed and only the answer was lost, so it changes
    nothing but the database, and twice is as good as once. Raises WarehouseError when the warehouse's patience,
    or so many `seconds`, are over.
    """

    def once() -> T:
        with warehouse.merchant(merchant_id, opening=opening) as tenant:
            return what(tenant)

    try:
        return once()
    except WarehouseUnavailable as error:
        failed = [error]

    # Most transactions succeed at once; tenacity hears of the others only, for it costs as much as a statement.
    def again() -> T:
        if failed:
            raise failed.pop()
        return once()

    return Retrying(
        retry=retry_if_exception_type(WarehouseUnavailable),
        stop=stop_after_delay(warehouse.patience_seconds if seconds is None else seconds),
        wait=wait_random_exponential(multiplier=0.1, max=LONGEST_PAUSE_SECONDS),
        reraise=True,
    )(again)


def commit_once(
    warehouse: Warehouse,
    merchant_id: int,
    token: int,
    what: Callable[[Tenant], T],
    *,
    seconds: float | None = None,
    closes: bool = False,
    held: Callable[[Held], None] | None = None,
    opening: Opening | None = None,
) -> T:
    """Run `what` patiently in a transaction of whoever holds the lease, and count it once.

    Where a transaction was committed and the answer was lost, the next try finds its name and gives what the
    first one found: a page that was new is not called unchanged. Raises LeaseLost, SyncStopped, WarehouseError.
    `closes`: also for a merchant that was paused; `held`: told what holding the lease has shown; `opening`: does the
    first write while it takes hold of the lease.
    """
    batch, found = secrets.token_hex(8), list[T]()

    def once(tenant: Tenant) -> T:
        began = time.monotonic()
        lease = held_by(tenant, closes=closes)
        if held is not None:
            held(lease)
        if not lease.has_landed:
            found.append(what(tenant))
        if time.monotonic() - began > LONG_WRITE_SECONDS:
            # No sign of life could pass this transaction meanwhile, so it carries one itself.
            renew_lease(tenant, token)
        return found[-1]

    opening = holding(token, batch=batch, opening=opening)
    return patiently(warehouse, merchant_id, once, seconds=seconds, opening=opening)
