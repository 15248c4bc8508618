"""Holds a merchant's lease while its sync runs, and gives a sign of life on a thread of its own."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import copy_context

from mx_pipeline.errors import LeaseLost, MerchantBusy, WarehouseError
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.leases import lease_holder, release_lease, renew_lease, take_lease
from mx_pipeline.warehouse.patience import patiently

logger = logging.getLogger(__name__)

SIGN_OF_LIFE_SECONDS = 8
"""Three may be lost before the lease is."""
WAIT_SECONDS = 300
"""For a sync of the same merchant that is under way; a dead one is over after 30 s."""
LOOK_SECONDS = 0.5
RELEASE_PATIENCE_SECONDS = 5
"""A restart of Postgres at the very end of a sync takes less; giving back twice is as good as once."""


@contextmanager
def leased(
    warehouse: Warehouse, merchant_id: int, *, holder: str, wait_seconds: float = WAIT_SECONDS
) -> Generator[int]:
    """The token, for the length of a sync. Raises MerchantBusy when it does not become free in time."""
    token = _take(warehouse, merchant_id, holder, wait_seconds)
    ended = threading.Event()
    heart = threading.Thread(
        target=copy_context().run,
        args=(_beat, warehouse, merchant_id, token, ended),
        name=f"lease-{merchant_id}",
        daemon=True,
    )
    heart.start()
    try:
        yield token
    finally:
        ended.set()
        heart.join()
        # Where the database is gone for longer, the lease ends by itself.
        patience = min(warehouse.patience_seconds, RELEASE_PATIENCE_SECONDS)
        with suppress(WarehouseError):
            patiently(warehouse, merchant_id, lambda tenant: release_lease(tenant, token), seconds=patience)


def _take(warehouse: Warehouse, merchant_id: int, holder: str, wait_seconds: float) -> int:
    deadline, batch = time.monotonic() + wait_seconds, secrets.token_hex(8)
    while True:
        token = patiently(
            warehouse, merchant_id, lambda tenant: take_lease(tenant, holder=holder, batch=batch)
        )
        if token is not None:
            return token
        if time.monotonic() > deadline:
            other = patiently(warehouse, merchant_id, lease_holder)
            raise MerchantBusy(
                f"merchant {merchant_id} is being synced by {other}, and was not free after {wait_seconds:.0f} s"
            )
        time.sleep(LOOK_SECONDS)


def _beat(warehouse: Warehouse, merchant_id: int, token: int, ended: threading.Event) -> None:
    while not ended.wait(SIGN_OF_LIFE_SECONDS):
        try:
            with warehouse.merchant(merchant_id) as tenant:
                renew_lease(tenant, token)
        except LeaseLost:
            return  # every write of this run is refused from now on, and says so itself
        except WarehouseError as error:
            logger.warning(
                "no sign of life could be given", extra={"merchant_id": merchant_id, "code": error.code}
            )
