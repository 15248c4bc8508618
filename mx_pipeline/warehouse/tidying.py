"""Forgets what was kept long enough, one merchant at a time, a small transaction at a time; never the audit chain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from mx_pipeline.warehouse.connections import Warehouse

KEPT: Mapping[str, timedelta] = {
    "notifications": timedelta(days=30),
    "calls": timedelta(days=400),
    "certificates": timedelta(days=365),
    "runs": timedelta(days=365),
    "requests": timedelta(days=365),
}
"""In the order in which they let go of each other. A payment's history is the merchant's, and stays."""
AT_ONCE = 5_000
"""Rows of one transaction: a few dozen milliseconds, for which no sync waits."""


def tidy(loader: Warehouse, merchant_id: int, *, now: datetime) -> dict[str, int]:
    """How many rows of each were forgotten. Raises WarehouseError; what is done stays done."""
    return {what: _forget(loader, merchant_id, what, now - kept) for what, kept in KEPT.items()}


def _forget(loader: Warehouse, merchant_id: int, what: str, before: datetime) -> int:
    forgotten = 0
    while True:
        with loader.merchant(merchant_id) as tenant:
            rows = tenant.run("tidying", f"forget_{what}", before=before, most=AT_ONCE).rowcount
        forgotten += rows
        if rows < AT_ONCE:
            return forgotten
