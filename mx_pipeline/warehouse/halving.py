"""One bad record never fails a page: what Postgres refuses is halved until the culprit is alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mx_pipeline.errors import RowRefused, WarehouseSlow
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.loading import Merged

R = TypeVar("R")


@dataclass(frozen=True)
class Landed(Generic[R]):
    """What a merge took in, and the records that Postgres refused, each with its words."""

    merged: Merged = field(default_factory=Merged)
    culprits: tuple[tuple[R, str], ...] = ()


SLOW_HALVINGS_AT_MOST = 3
"""Where an eighth of a page takes too long as well, it is not the page's size."""


def load_all_but_culprits(
    tenant: Tenant,
    records: Sequence[R],
    load: Callable[[Tenant, Sequence[R]], Merged],
    *,
    slow_halvings: int = SLOW_HALVINGS_AT_MOST,
) -> Landed[R]:
    """Merge the records, in the transaction that is open; a sound page costs a savepoint and no more.

    Halved is what a value causes, and what takes too long as a whole: a lost connection or a lock would
    refuse each half as well.
    """
    try:
        with tenant.savepoint():
            return Landed(load(tenant, records))
    except RowRefused as refusal:
        if len(records) == 1:
            return Landed(Merged(), ((records[0], str(refusal)),))
    except WarehouseSlow:
        if len(records) == 1 or not slow_halvings:
            raise
        slow_halvings -= 1
    middle = len(records) // 2
    first = load_all_but_culprits(tenant, records[:middle], load, slow_halvings=slow_halvings)
    second = load_all_but_culprits(tenant, records[middle:], load, slow_halvings=slow_halvings)
    return Landed(first.merged + second.merged, first.culprits + second.culprits)
