"""Writes pages of records: one merge each, idempotent, monotonic and quiet; says what it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from mx_pipeline.records import Invoice, InvoiceDetail, Payment, PaymentDetail, RefusedRecord
from mx_pipeline.warehouse.connections import Opening, Tenant
from mx_pipeline.warehouse.rows import (
    content_hash,
    invoice_details_json,
    invoices_json,
    page_json,
    payment_detail_row,
    payment_row,
    refused_row,
)

R = TypeVar("R", Payment, Invoice)

SAME_RECORDS = {
    "payments": ("payments", "payment_details"),
    "payment_details": ("payments", "payment_details"),
    "invoices": ("invoices", "invoice_details"),
    "invoice_details": ("invoices", "invoice_details"),
}
"""Which refusals end when a record is taken in: its own page tells all that the list would have told.

The list ends a refusal of the record's own page only where that page was asked for in the list row's place."""


@dataclass(frozen=True)
class Merged:
    """Rows that a merge inserted, updated, and found as they were."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: Merged) -> Merged:
        """The sum, page by page."""
        return Merged(
            self.inserted + other.inserted, self.updated + other.updated, self.unchanged + other.unchanged
        )

    @property
    def changed(self) -> int:
        """Rows written."""
        return self.inserted + self.updated


def load_payments(tenant: Tenant, payments: Sequence[Payment], *, observed_at: datetime) -> Merged:
    """Merge one page of the payment list. Only records that are new or differ travel to Postgres.

    `observed_at`: when the page was asked for, by the database's clock.
    """
    fresh = _fresh(
        tenant, "payments", "unchanged_payments", {payment.payment_id: payment for payment in payments}
    )
    if not fresh:
        return Merged(unchanged=len(payments))
    page = page_json([payment_row(payment, hashed) for payment, hashed in fresh])
    row = tenant.one("payments", "merge_payments", page=page, observed_at=observed_at)
    return _merged(row.inserted, row.updated, of=len(payments))


def load_payment_details(tenant: Tenant, details: Sequence[tuple[PaymentDetail, datetime]]) -> Merged:
    """Merge payments that were asked for alone, each with the moment it was asked."""
    page = page_json([payment_detail_row(detail, observed_at) for detail, observed_at in details])
    row = tenant.one("payments", "merge_payment_details", page=page)
    return _merged(row.inserted, row.updated, of=len(details))


def load_invoices(tenant: Tenant, invoices: Sequence[Invoice], *, observed_at: datetime) -> Merged:
    """Merge one page of the invoice list, and with it the map from number to id."""
    fresh = _fresh(
        tenant, "invoices", "unchanged_invoices", {invoice.invoice_id: invoice for invoice in invoices}
    )
    if not fresh:
        return Merged(unchanged=len(invoices))
    row = tenant.one("invoices", "merge_invoices", page=invoices_json(fresh), observed_at=observed_at)
    return _merged(row.inserted, row.updated, of=len(invoices))


def load_invoice_details(tenant: Tenant, details: Sequence[tuple[InvoiceDetail, datetime]]) -> Merged:
    """Merge invoices that were asked for alone: document, product lines, people, payments."""
    row = tenant.one("invoices", "merge_invoice_details", page=invoice_details_json(details))
    return _merged(row.inserted, row.updated, of=len(details))


def loading_invoice_details(details: Sequence[tuple[InvoiceDetail, datetime]]) -> Opening:
    """The same merge, done while the transaction takes hold of its lease: one round trip less for each batch."""
    return Opening("enter_merging_invoice_details", {"page": invoice_details_json(details)})


def loaded_at_entry(tenant: Tenant, *, of: int) -> Merged:
    """What the merge of a transaction that was opened with `loading_invoice_details` came to."""
    row = tenant.opened_with
    assert row is not None
    return _merged(row.inserted, row.updated, of=of)


def set_aside(tenant: Tenant, refused: Sequence[RefusedRecord], *, run_id: int) -> None:
    """Put refused records into quarantine, with their reasons."""
    if refused:
        page = page_json([refused_row(record) for record in refused])
        tenant.run("sync", "quarantine", refused=page, run_id=run_id)


def refused_by_postgres(
    stream: str, record: Payment | PaymentDetail | Invoice | InvoiceDetail, words: str
) -> RefusedRecord:
    """A record that passed every check of ours and that Postgres refuses all the same."""
    return RefusedRecord(stream=stream, mx_id=record.mx_id, reason=words)


def release(tenant: Tenant, stream: str, ids: Sequence[int]) -> None:
    """What has been taken in after all is no longer held in quarantine."""
    if ids:
        tenant.run("sync", "release", stream=stream, streams=list(SAME_RECORDS[stream]), ids=list(ids))


def unchanged_ids(tenant: Tenant, page: str, statement: str, hashes: Mapping[int, int]) -> set[int]:
    """Which records are stored with this very content; by `sql/<page>.sql: <statement>`, `unchanged_...`."""
    if not hashes:
        return set()
    ids = list(hashes)
    return set(
        tenant.column(
            page, statement, ids=ids, hashes=list(hashes.values()), lowest=min(ids), highest=max(ids)
        )
    )


def _fresh(tenant: Tenant, page: str, statement: str, records: Mapping[int, R]) -> list[tuple[R, int]]:
    hashes = {mx_id: content_hash(record) for mx_id, record in records.items()}
    unchanged = unchanged_ids(tenant, page, statement, hashes)
    return [(records[mx_id], hashed) for mx_id, hashed in hashes.items() if mx_id not in unchanged]


def _merged(inserted: int, updated: int, *, of: int) -> Merged:
    return Merged(inserted, updated, of - inserted - updated)
