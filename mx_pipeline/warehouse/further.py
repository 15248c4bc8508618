"""Writes the records of a further list by the statements of `sql/<stream>.sql`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from mx_pipeline.records import Further
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.loading import Merged
from mx_pipeline.warehouse.rows import content_hash, page_json


def load_further(tenant: Tenant, stream: str, records: Sequence[Further], *, observed_at: datetime) -> Merged:
    """Merge one page. Only records that are new or differ travel to Postgres."""
    hashes = {record.mx_id: content_hash(record) for record in records}
    unchanged = set(tenant.column(stream, "unchanged", ids=list(hashes), hashes=list(hashes.values())))
    fresh = [
        {**msgspec.to_builtins(record), "hash": hashes[record.mx_id]}
        for record in records
        if record.mx_id not in unchanged
    ]
    if not fresh:
        return Merged(unchanged=len(records))
    row = tenant.one(stream, "merge", page=page_json(fresh), observed_at=observed_at)
    return Merged(row.inserted, row.updated, len(records) - row.inserted - row.updated)


@dataclass(frozen=True)
class Held:
    """What is here, and what of it a complete read did not meet."""

    count: int
    unlisted: tuple[int, ...]


def held(tenant: Tenant, stream: str, met: str) -> Held:
    """`met`: all ids that the list has. Those that it has no more are marked, kept, and no longer counted."""
    gone = tenant.column(stream, "unlisted", met=met)
    return Held(tenant.one(stream, "held").held, tuple(gone))
