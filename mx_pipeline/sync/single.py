"""Records asked for alone: which stream they are, whether they are worth a call, and how a batch is written."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Generic

from mx_pipeline.errors import RowRefused, WarehouseSlow
from mx_pipeline.mx_api.client import MxClient
from mx_pipeline.mx_api.side_by_side import SideBySide
from mx_pipeline.records import InvoiceDetail, PaymentDetail, RefusedRecord
from mx_pipeline.sync.fetching import Asking, Flight, to_the_end
from mx_pipeline.sync.landing import D, Fetched
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.connections import Opening, Tenant
from mx_pipeline.warehouse.halving import Landed, load_all_but_culprits
from mx_pipeline.warehouse.loading import (
    Merged,
    load_invoice_details,
    load_payment_details,
    loaded_at_entry,
    loading_invoice_details,
    refused_by_postgres,
    release,
    set_aside,
)
from mx_pipeline.warehouse.vanishing import denied_lately, mark_vanished


@dataclass(frozen=True)
class SingleStream(Generic[D]):
    """One of the two kinds of pages of single records."""

    stream: str
    calls: Callable[[MxClient], SideBySide[D | RefusedRecord]]
    load: Callable[[Tenant, Sequence[tuple[D, datetime]]], Merged]
    opening: Callable[[Sequence[tuple[D, datetime]]], Opening] | None = None
    """Loads a batch as its transaction begins; for the stream of which there are many."""

    def read(self, work: Work, ids: Sequence[int], phase: Phase) -> None:
        """Ask for each once, as part of that phase."""
        flight = self.flight(work)
        asked = self.worth_asking(work, ids)
        flight.ask(asked)
        if phase is Phase.INVOICE_DETAILS:
            work.progress.expects_more(phase, len(asked))
        self.write_all(work, to_the_end(flight), phase)

    def flight(self, work: Work) -> Flight[D]:
        """Calls that can be made."""
        client = work.client
        return Flight(
            Asking(
                calls=partial(self.calls, client),
                stream=self.stream,
                probe=client.check_credentials,
                recheck_seconds=client.limits.recheck_seconds,
            )
        )

    def worth_asking(self, work: Work, ids: Sequence[int]) -> Sequence[int]:
        """What MX denied twice, not long ago, is left alone; a full sync asks for it all the same."""
        if ids and self.stream not in work.denied:
            work.commit(lambda tenant: self.look(tenant, work))
        denied = work.denied.get(self.stream)
        if work.order.mode == "full" or not denied:
            return ids
        return array("q", (mx_id for mx_id in ids if mx_id not in denied))

    def look(self, tenant: Tenant, work: Work) -> None:
        """What MX denied; looked up once, and again when something was refused since."""
        if self.stream not in work.denied:
            work.denied[self.stream] = frozenset(denied_lately(tenant, self.stream))
            work.may_hold_aside = bool(tenant.one("sync", "quarantined")[0])

    def write_all(self, work: Work, batches: Generator[Sequence[Fetched[D]]], phase: Phase) -> None:
        """Write batch by batch, as they come."""
        # What is in flight ends before the error of a write goes on: nobody calls MX for a sync that is over.
        with closing(batches):
            for batch in batches:
                merged, refused = self._write(work, batch, phase)
                if phase is Phase.INVOICE_DETAILS:
                    work.progress.add(phase, len(batch))
                work.add(phase, merged)
                work.count_refused(refused)
                if refused:
                    work.denied.pop(self.stream, None)
                work.details[self.stream] += len(batch)

    def _write(
        self, work: Work, batch: Sequence[Fetched[D]], phase: Phase
    ) -> tuple[Merged, list[RefusedRecord]]:
        unread = [one.answer for one in batch if isinstance(one.answer, RefusedRecord)]
        details = [
            (one.answer, work.observed_at(one.sent_at))
            for one in batch
            if not isinstance(one.answer, RefusedRecord)
        ]

        opening = self.opening(details) if self.opening else None

        def write(tenant: Tenant, *, at_once: bool = True) -> tuple[Merged, list[RefusedRecord]]:
            if at_once and opening:
                landed = Landed[tuple[D, datetime]](loaded_at_entry(tenant, of=len(details)))
            elif at_once:
                landed = Landed(self.load(tenant, details))
            else:
                landed = load_all_but_culprits(tenant, details, self.load)
            culprits = [
                refused_by_postgres(self.stream, detail, words) for (detail, _), words in landed.culprits
            ]
            refused = [*unread, *culprits]
            if work.may_hold_aside:
                release(tenant, self.stream, [detail.mx_id for detail, _ in details])
            set_aside(tenant, refused, run_id=work.run_id)
            mark_vanished(tenant, self.stream, refused)
            if phase is Phase.INVOICE_DETAILS:
                work.keep_progress(tenant, phase, done=work.progress.done.get(phase, 0) + len(batch))
            return landed.merged, refused

        try:
            return work.commit(write, opening=opening)
        except (RowRefused, WarehouseSlow):
            # Only now with savepoints, which cost a batch that is sound two round trips.
            return work.commit(partial(write, at_once=False))


PAYMENT_PAGES = SingleStream[PaymentDetail](
    "payment_details", MxClient.payments_side_by_side, load_payment_details
)
INVOICE_PAGES = SingleStream[InvoiceDetail](
    "invoice_details", MxClient.invoices_side_by_side, load_invoice_details, loading_invoice_details
)
