"""What we hold and a walk has not met, found a few thousand ids at a time, however many there are."""

from __future__ import annotations

from mx_pipeline.sync.work import ListRead
from mx_pipeline.warehouse.connections import Tenant


def unlisted(tenant: Tenant, page: str, statement: str, read: ListRead, **parameters: object) -> list[int]:
    """Which of the ids that the statement finds were not met; a row that was refused was listed all the same."""
    return [
        mx_id
        for part in tenant.parts(page, statement, **parameters)
        for mx_id in sorted(set(part) - read.met.known_of(part) - read.refused.known_of(part))
    ]
