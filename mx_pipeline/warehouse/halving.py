"""One bad record never fails a page: what Postgres refuses is halved until the culprit is alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mx_pipeline.errors import RowRefused
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.loading import Merged

R = TypeVar("R")


@dataclass(frozen=True)
class Landed(Generic[R]):
    """What a merge took in, and the records that Postgres refused, each with its words."""

    merged: Merged = field(default_factory=Merged)
    culprits: tuple[tuple[R, str], ...] = ()


def load_all_but_culprits(
    tenant: Tenant, records: Sequence[R], load: Callable[[Tenant, Sequence[R]], Merged]
) -> Landed[R]:
    """Merge the records, in the transaction that is open; a sound page costs a savepoint and no more.

    Only what a value causes is halved: a lost connection or a lock would refuse each half as well.
    """
    try:
        with tenant.savepoint():
            return Landed(load(tenant, records))
    except RowRefused as refusal:
        if len(records) == 1:
            return Landed(Merged(), ((records[0], str(refusal)),))
    middle = len(records) // 2
    first = load_all_but_culprits(tenant, records[:middle], load)
    second = load_all_but_culprits(tenant, records[middle:], load)
    return Landed(first.merged + second.merged, first.culprits + second.culprits)
