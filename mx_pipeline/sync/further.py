"""Reads lists that no payment depends on, whole, whenever the payments are read whole, and certifies each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mx_pipeline import records
from mx_pipeline.errors import MxForbidden
from mx_pipeline.mx_api.page import Page
from mx_pipeline.mx_api.seen import SeenIds
from mx_pipeline.records import RefusedRecord
from mx_pipeline.sync.orders import Certificate
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import bigints
from mx_pipeline.warehouse.further import held, load_further
from mx_pipeline.warehouse.halving import load_all_but_culprits
from mx_pipeline.warehouse.loading import Merged, set_aside


@dataclass(frozen=True)
class FurtherList:
    """One of them."""

    stream: str
    """Its table, its certificate, and the file of its statements have this name."""
    path: str
    """Below `/checkout/v3/`."""
    record: type[records.Further]


FURTHER_LISTS: list[FurtherList] = []
"""None yet; docs/developing.md adds one."""


def read_further(work: Work) -> Sequence[Certificate]:
    """All of them, one after the other. One that MX forbids to this key is told, and stops nothing."""
    return [made for each in FURTHER_LISTS if (made := _read(work, each)) is not None]


def _read(work: Work, further: FurtherList) -> Certificate | None:
    pages = work.client.list_further(further.path, further.record, stream=further.stream)
    met = SeenIds()
    try:
        for page in pages:
            refused = work.commit(lambda tenant, page=page: _write(tenant, work, further, page))
            work.count_refused(refused)
            met.add([record.mx_id for record in page.records])
    except MxForbidden as error:
        work.note(f"{further.stream}: {error}")
        return None
    came, count = pages.distinct, pages.record_count
    here = work.commit(lambda tenant: held(tenant, further.stream, bigints(met)))
    agrees = count == came == here.count
    return Certificate(
        stream=further.stream,
        scope=f"all {further.stream}",
        basis="enumerated",
        verdict="agrees" if agrees else "unproven" if count is None else "differs",
        source_count=count,
        our_count=here.count,
        note=None if agrees else f"MX says {count}, {came} came, we hold {here.count}",
    )


def _write(
    tenant: Tenant, work: Work, further: FurtherList, page: Page[records.Further]
) -> Sequence[RefusedRecord]:
    def load(tenant: Tenant, some: Sequence[records.Further]) -> Merged:
        return load_further(tenant, further.stream, some, observed_at=work.observed_at(page.sent_at))

    landed = load_all_but_culprits(tenant, page.records, load)
    culprits = [
        RefusedRecord(stream=further.stream, mx_id=record.mx_id, reason=words)
        for record, words in landed.culprits
    ]
    refused = [*page.refused, *culprits]
    set_aside(tenant, refused, run_id=work.run_id)
    return refused
