"""What could not be taken in: listed for people, and taken up again when its turn comes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mx_pipeline.warehouse.connections import Tenant

MOST_SHOWN = 1000


def held(tenant: Tenant) -> Sequence[Any]:
    """Rows in quarantine, the newest first: stream, id, reason, the fields that came, tries, when."""
    return tenant.run("sync", "held", most=MOST_SHOWN).all()


def mark_for_replay(tenant: Tenant) -> int:
    """Let the next sync try everything again, whenever it was tried last. Returns how much that is."""
    return tenant.run("sync", "mark_for_replay").rowcount


def still_held(tenant: Tenant) -> tuple[int, int]:
    """How many rows are held, and how many of them are records whose id could not be read."""
    row = tenant.one("sync", "still_held")
    return row.held, row.nameless


def release_nameless(tenant: Tenant, stream: str, *, run_id: int) -> None:
    """After a complete read of a list: let go the records without a readable id that this run did not meet again."""
    tenant.run("sync", "release_nameless", stream=stream, run_id=run_id)


def take_up_list_rows(tenant: Tenant, *, run_id: int) -> dict[str, list[int]]:
    """Ids by stream (`payments`, `invoices`) whose list row an earlier run refused and whose turn it is."""
    due: dict[str, list[int]] = {"payments": [], "invoices": []}
    for row in tenant.run("sync", "take_up_list_rows", run_id=run_id):
        due[row.stream].append(row.mx_id)
    return {stream: sorted(set(ids)) for stream, ids in due.items()}
