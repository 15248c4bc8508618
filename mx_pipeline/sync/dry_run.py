"""A dry run: reads the pages that a sync of the newest payments would read, compares, and writes nothing but its calls.

It takes no lease, so it holds up nobody, and sync state stays as it was.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from mx_pipeline.errors import MxForbidden, SyncInterrupted
from mx_pipeline.mx_api.client import MxClient
from mx_pipeline.records import Payment
from mx_pipeline.sync.ending import ended_by
from mx_pipeline.sync.invoice_map import pages_left
from mx_pipeline.sync.orders import Stat, SyncOrder, SyncReport
from mx_pipeline.sync.stopping import StopSign
from mx_pipeline.sync.work import CallCount
from mx_pipeline.warehouse.cancelling import heed_cancelling
from mx_pipeline.warehouse.comparing import (
    LOOKING,
    Compared,
    compare_invoices,
    compare_payments,
    invoices_of_numbers,
    not_read_alone,
)
from mx_pipeline.warehouse.connections import Tenant, Warehouse
from mx_pipeline.warehouse.forecasting import forecast
from mx_pipeline.warehouse.patience import patiently
from mx_pipeline.warehouse.requests import SyncRequest
from mx_pipeline.warehouse.rows import json, page_json

T = TypeVar("T")


@dataclass
class DryRun:
    """One dry run; `run` goes through it once."""

    order: SyncOrder
    request: SyncRequest
    client: MxClient
    warehouse: Warehouse
    calls: CallCount
    stop: StopSign
    payments: Compared = field(default_factory=Compared)
    invoices: Compared = field(default_factory=Compared)
    refused: int = 0
    to_fetch: set[int] = field(default_factory=set[int])
    """Invoices that a sync would ask for alone."""
    to_ask: int = 0
    """Payments that it would ask for alone, since that finds their invoices with fewer calls than reading on."""
    notes: list[str] = field(default_factory=list[str])
    _numbers: Counter[int] = field(default_factory=Counter[int])

    def run(self) -> SyncReport:
        """What goes wrong becomes the report's outcome. Raises WarehouseError where that cannot even be written."""
        started, began = datetime.now(UTC), time.monotonic()
        run_id, foretold = self._write(self._begin)
        try:
            self._compare()
        except Exception as error:
            outcome, message = ended_by(error)
            is_interrupted = isinstance(error, SyncInterrupted)
        else:
            outcome, message = ("partial" if self.notes else "success"), "; ".join(self.notes)
            is_interrupted = False
        report = SyncReport(
            merchant_id=self.order.merchant_id,
            run_id=run_id,
            outcome=outcome,
            message=message,
            started_at=started,
            finished_at=datetime.now(UTC),
            seconds=time.monotonic() - began,
            stats=self._stats(foretold),
            is_interrupted=is_interrupted,
            is_dry=True,
        )
        self._write(lambda tenant: self._end(tenant, report))
        return report

    def _begin(self, tenant: Tenant) -> tuple[int, int]:
        asked = {"request_id": self.order.request_id, "dagster_run_id": self.order.dagster_run_id}
        told = json({"latest": self.order.latest})
        run = tenant.one("sync", "start_dry_run", **asked, mode=self.order.mode, parameters=told)
        return run.run_id, forecast(tenant, self.request).calls

    def _compare(self) -> None:
        for page in self.client.list_payments(limit=self.order.latest):
            records = page.records
            self.payments += self._look(lambda tenant, read=records: compare_payments(tenant, read))
            self.refused += len(page.refused)
            self._meet(records)
        known = self._look(lambda tenant: invoices_of_numbers(tenant, self._numbers))
        self.to_fetch |= {invoice for invoice in known.values() if invoice is not None}
        try:
            self._seek(set(self._numbers) - set(known))
        except MxForbidden as error:
            self.notes.append(f"invoices not read: {error}")
        self.to_fetch = self._look(lambda tenant: not_read_alone(tenant, self.to_fetch))

    def _meet(self, payments: Sequence[Payment]) -> None:
        for payment in payments:
            self.to_fetch |= set(payment.invoice_ids or ())
            reference = payment.invoice or ""
            if payment.invoice_ids is None and payment.source != "QuickPay" and reference.isdecimal():
                self._numbers[int(reference)] += 1

    def _seek(self, wanted: set[int]) -> None:
        """In the invoice list, as a sync does: as long as that costs fewer calls than asking payment by payment."""
        if not wanted:
            return
        for page in self.client.list_invoices():
            records = page.records
            self.invoices += self._look(lambda tenant, read=records: compare_invoices(tenant, read))
            self.refused += len(page.refused)
            self.to_fetch |= {invoice.invoice_id for invoice in records if invoice.invoice_number in wanted}
            wanted -= {invoice.invoice_number for invoice in records}
            if page.is_last or not wanted:
                return
            if len(wanted) < pages_left(page, wanted):
                self.to_ask = len(wanted)
                return

    def _stats(self, foretold: int) -> dict[str, Stat]:
        # What only an invoice's own page would show, such as a payment that has to be asked about besides, is not seen.
        return {
            "dryRun": True,
            "callsForecast": foretold,
            "apiCalls": self.calls.total,
            "callsNeeded": self.calls.total + len(self.to_fetch) + self.to_ask,
            "wouldAdd": self.payments.added,
            "wouldChange": self.payments.changed,
            "wouldLeave": self.payments.unchanged,
            "invoicesWouldAdd": self.invoices.added,
            "invoicesWouldChange": self.invoices.changed,
            "invoicesWouldLeave": self.invoices.unchanged,
            "invoicesToFetch": len(self.to_fetch),
            "wouldSetAside": self.refused,
            "paymentPages": self.calls.to("payment_list"),
            "invoicePages": self.calls.to("invoice_list"),
        }

    def _look(self, what: Callable[[Tenant], T]) -> T:
        """Between two pages: may it go on? Then compare, in a transaction in which Postgres refuses any write."""
        self.stop.heed()

        def look(tenant: Tenant) -> T:
            if self.order.request_id is not None:
                heed_cancelling(tenant, self.order.request_id)
            return what(tenant)

        return patiently(self.warehouse, self.order.merchant_id, look, opening=LOOKING)

    def _write(self, what: Callable[[Tenant], T]) -> T:
        """Its own row and its calls, nothing else."""
        return patiently(self.warehouse, self.order.merchant_id, what)

    def _end(self, tenant: Tenant, report: SyncReport) -> None:
        counted = [
            {"endpoint": endpoint, "outcome": outcome, "calls": calls}
            for (endpoint, outcome), calls in sorted(self.calls.calls.items())
        ]
        tenant.run("sync", "count_calls", run_id=report.run_id, calls=page_json(counted))
        tenant.run(
            "sync",
            "finish_run",
            run_id=report.run_id,
            outcome=report.outcome,
            message=report.message,
            stats=json(dict(report.stats)),
            progress="{}",
        )
