"""Writes one page of one of the vendor's lists, and counts what it brought; the same for both lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, Literal, Protocol, TypeVar

from mx_pipeline.mx_api.page import Page
from mx_pipeline.mx_api.paging import Pages
from mx_pipeline.records import Invoice, Payment
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.work import ListRead, Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.loading import Merged, load_invoices, load_payments, release, set_aside

R = TypeVar("R", Payment, Invoice)
R_contra = TypeVar("R_contra", Payment, Invoice, contravariant=True)


class _Load(Protocol[R_contra]):
    def __call__(
        self, tenant: Tenant, records: Sequence[R_contra], /, *, observed_at: datetime
    ) -> Merged: ...


@dataclass(frozen=True)
class ListStream(Generic[R]):
    """One of the two lists: where its rows go and what counts them."""

    stream: Literal["payments", "invoices"]
    phase: Phase
    load: _Load[R]
    read: Callable[[Work], ListRead]

    def write(self, work: Work, pages: Pages[R], page: Page[R], *, is_end: bool) -> Merged:
        """Merge the page with its state in one transaction. `is_end`: the list has now been read to its end."""

        def write(tenant: Tenant) -> Merged:
            merged = self.load(tenant, page.records, observed_at=work.observed_at(page.sent_at))
            set_aside(tenant, page.refused, run_id=work.run_id)
            release(tenant, self.stream, [record.mx_id for record in page.records])
            tenant.run(
                "sync",
                "keep_position",
                stream=self.stream,
                run_id=work.run_id,
                position=page.offset + page.received,
                record_count=page.record_count,
                is_end=is_end,
            )
            return merged

        merged = work.commit(write)
        work.count_refused(page.refused)
        work.add(self.phase, merged)
        for note in page.notes:
            work.note(note)
        read = self.read(work)
        read.ids.extend(record.mx_id for record in page.records)
        read.total += sum((record.money for record in page.records), Decimal(0))
        read.distinct = pages.distinct
        read.record_count = pages.record_count
        read.is_read_to_end = page.is_last
        return merged


PAYMENTS = ListStream[Payment]("payments", Phase.PAYMENTS, load_payments, lambda work: work.payments)
INVOICES = ListStream[Invoice]("invoices", Phase.INVOICE_MAP, load_invoices, lambda work: work.invoices)
