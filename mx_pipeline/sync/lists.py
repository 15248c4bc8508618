"""Writes one page of one of the vendor's lists, and counts what it brought; the same for both lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

from mx_pipeline.mx_api.page import Page
from mx_pipeline.mx_api.paging import Pages
from mx_pipeline.records import Invoice, Payment, RefusedRecord
from mx_pipeline.sync.oddities import note_statuses
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.work import ListRead, Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import bigints
from mx_pipeline.warehouse.halving import load_all_but_culprits
from mx_pipeline.warehouse.loading import (
    Merged,
    load_invoices,
    load_payments,
    refused_by_postgres,
    release,
    set_aside,
)
from mx_pipeline.warehouse.quarantine import release_nameless

R = TypeVar("R", Payment, Invoice)
R_contra = TypeVar("R_contra", Payment, Invoice, contravariant=True)


class _Load(Protocol[R_contra]):
    def __call__(
        self, tenant: Tenant, records: Sequence[R_contra], /, *, observed_at: datetime
    ) -> Merged: ...


Also: TypeAlias = Callable[[Tenant, Page[R]], object]
"""What is asked or written in the transaction of a page as well."""


def nothing_else(_tenant: Tenant, _page: Page[R]) -> None:
    """The page alone."""


@dataclass(frozen=True)
class Standing:
    """How far earlier syncs have come with a list."""

    is_walked: bool
    """It was read to its end at least once; until then no sync stops early."""
    open_position: int
    """Where a walk was cut off; 0 where the last one came as far as it had to."""
    daily_due: bool
    weekly_due: bool


@dataclass(frozen=True)
class ListStream(Generic[R]):
    """One of the two lists: where its rows go and what counts them."""

    stream: Literal["payments", "invoices"]
    phase: Phase
    load: _Load[R]
    read: Callable[[Work], ListRead]

    def standing_in(self, tenant: Tenant) -> Standing:
        """What earlier syncs left of this list, in a transaction that is open."""
        row = tenant.one("sync", "standing", stream=self.stream)
        return Standing(row.is_walked, row.open_position, daily_due=row.daily_due, weekly_due=row.weekly_due)

    def write(
        self,
        work: Work,
        pages: Pages[R],
        page: Page[R],
        *,
        is_walk: bool = True,
        also: Also[R] = nothing_else,
    ) -> Merged:
        """Merge the page, with the position of the walk that it belongs to, in one transaction.

        `also`: done at its end, and again as often as it is tried.
        """

        def load(tenant: Tenant, records: Sequence[R]) -> Merged:
            return self.load(tenant, records, observed_at=work.observed_at(page.sent_at))

        def write(tenant: Tenant) -> tuple[Merged, list[RefusedRecord]]:
            landed = load_all_but_culprits(tenant, page.records, load)
            culprits = [refused_by_postgres(self.stream, *culprit) for culprit in landed.culprits]
            refused = [*page.refused, *culprits]
            release(tenant, self.stream, [record.mx_id for record in page.records])
            set_aside(tenant, refused, run_id=work.run_id)
            if is_walk:
                position = {"position": page.offset + page.received, "record_count": page.record_count}
                tenant.run("sync", "keep_position", stream=self.stream, run_id=work.run_id, **position)
            work.keep_progress(tenant, self.phase, done=work.progress.done.get(self.phase, 0) + came)
            also(tenant, page)
            return landed.merged, refused

        read = self.read(work)
        came = _came(work, self.phase, read, page, pages.record_count)
        merged, refused = work.commit(write)
        work.progress.add(self.phase, came)
        work.count_refused(refused)
        note_statuses(work, page.records)
        work.add(self.phase, merged)
        for note in page.notes:
            work.note(note)
        read.met.add([record.mx_id for record in page.records])
        read.refused.add([record.mx_id for record in page.refused if record.mx_id is not None])
        read.total += sum((record.money for record in page.records), Decimal(0))
        read.distinct += len(page.records) + len(page.refused)
        read.record_count = pages.record_count
        read.is_read_to_end = page.is_last
        return merged

    def has_new_below(self, work: Work, page: Page[R], horizon: datetime) -> bool:
        """Whether any of the page's records that are older than the horizon was never seen before this run."""
        statement = f"new_{self.stream}_below"
        ids = bigints(record.mx_id for record in page.records)
        return bool(
            work.commit(
                lambda tenant: tenant.one("sync", statement, ids=ids, horizon=horizon, run_id=work.run_id)[0]
            )
        )

    def close(self, work: Work, standing: Standing, *, is_end: bool, is_daily: bool) -> None:
        """The walk has come as far as it had to. `is_end`: the whole list was read."""
        work.commit(lambda tenant: self.close_in(tenant, work, standing, is_end=is_end, is_daily=is_daily))

    def close_in(
        self, tenant: Tenant, work: Work, standing: Standing, *, is_end: bool, is_daily: bool
    ) -> None:
        """The same, in a transaction that is open."""
        marks = {
            "is_end": is_end,
            "is_daily": is_daily or is_end or not standing.is_walked,
            "record_count": self.read(work).record_count,
        }
        tenant.run("sync", "close_walk", stream=self.stream, run_id=work.run_id, **marks)
        if is_end and not self.read(work).is_resumed:
            release_nameless(tenant, self.stream, run_id=work.run_id)


def _came(work: Work, phase: Phase, read: ListRead, page: Page[R], record_count: int | None) -> int:
    """How far the page brings its phase, towards what is known of the phase's end."""
    match work.order.mode:
        case "latest" if phase is Phase.PAYMENTS:
            most = work.order.latest or 0
            work.progress.expects(phase, min(most, record_count) if record_count is not None else most)
        case _ if read.sought:
            work.progress.expects(phase, len(read.sought))
            numbers = {record.invoice_number for record in page.records if isinstance(record, Invoice)}
            return len(read.sought & numbers)
        case "full":
            work.progress.expects(phase, record_count)
        case _:
            work.progress.expects(phase, None)
    return len(page.records) + len(page.refused)


PAYMENTS = ListStream[Payment]("payments", Phase.PAYMENTS, load_payments, lambda work: work.payments)
INVOICES = ListStream[Invoice]("invoices", Phase.INVOICE_MAP, load_invoices, lambda work: work.invoices)
