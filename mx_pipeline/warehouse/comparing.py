"""Compares what MX shows with what is here, and writes nothing: its transactions are read-only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mx_pipeline.records import Invoice, Payment
from mx_pipeline.warehouse.connections import Opening, Tenant
from mx_pipeline.warehouse.deriving import bigints
from mx_pipeline.warehouse.loading import unchanged_ids
from mx_pipeline.warehouse.rows import content_hash

LOOKING = Opening(is_read_only=True)
"""Postgres refuses any write in it."""


@dataclass(frozen=True)
class Compared:
    """Rows that a sync would add, change, and leave as they are."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: Compared) -> Compared:
        """The sum, page by page."""
        return Compared(
            self.added + other.added, self.changed + other.changed, self.unchanged + other.unchanged
        )


def compare_payments(tenant: Tenant, payments: Sequence[Payment]) -> Compared:
    """One page of the payment list."""
    hashes = {payment.payment_id: content_hash(payment) for payment in payments}
    return _compared(tenant, hashes, "payments", "unchanged_payments", "stored_payments")


def compare_invoices(tenant: Tenant, invoices: Sequence[Invoice]) -> Compared:
    """One page of the invoice list."""
    hashes = {invoice.invoice_id: content_hash(invoice) for invoice in invoices}
    return _compared(tenant, hashes, "invoices", "unchanged_invoices", "stored_invoices")


def invoices_of_numbers(tenant: Tenant, numbers: Iterable[int]) -> dict[int, int | None]:
    """The invoice of each number that is known here; None for a number that MX has no invoice for."""
    rows = tenant.run("invoices", "invoices_of_numbers", numbers=bigints(numbers))
    return {row.invoice_number: row.mx_invoice_id for row in rows}


def not_read_alone(tenant: Tenant, invoices: Iterable[int]) -> set[int]:
    """Those of these invoices whose product lines are not here."""
    wanted = set(invoices)
    return wanted - set(tenant.column("invoices", "read_alone", ids=bigints(wanted)))


def _compared(tenant: Tenant, hashes: dict[int, int], page: str, same: str, stored: str) -> Compared:
    if not hashes:
        return Compared()
    unchanged = len(unchanged_ids(tenant, page, same, hashes))
    known = len(tenant.column(page, stored, ids=list(hashes)))
    return Compared(added=len(hashes) - known, changed=known - unchanged, unchanged=unchanged)
