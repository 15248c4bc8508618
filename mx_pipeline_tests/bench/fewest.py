"""The fewest calls that can do a sync, computed from what the synthetic MX says is true."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mx_pipeline_tests.bench.clinic import INVOICES_PER_PAGE, PAYMENTS_PER_PAGE, Clinic


@dataclass(frozen=True)
class Truth:
    """What there is, as far as it costs calls."""

    payments: int
    invoices: int
    linked_invoices: frozenset[int]
    told_by_nobody_else: frozenset[int]
    """Payments whose invoice does not name them: only their own page links them."""

    @property
    def first_load(self) -> int:
        """All pages of both lists, one detail per linked invoice, and the payments that must be asked themselves."""
        pages = math.ceil(self.payments / PAYMENTS_PER_PAGE) + math.ceil(self.invoices / INVOICES_PER_PAGE)
        return pages + len(self.linked_invoices) + len(self.told_by_nobody_else)

    def more_than(self, before: Truth) -> int:
        """Details that have become necessary since then."""
        return len(self.linked_invoices - before.linked_invoices) + len(
            self.told_by_nobody_else - before.told_by_nobody_else
        )


def truth_of(clinic: Clinic) -> Truth:
    """Read from the synthetic MX's admin door."""
    links: dict[int, list[int]] = {}
    payments_of: dict[int, list[int]] = {}
    for record in clinic.mx.truth(clinic.merchant_id):
        _note(record, links, payments_of)
    return Truth(
        payments=len(links),
        invoices=len(payments_of),
        linked_invoices=frozenset(invoice for invoices in links.values() for invoice in invoices),
        told_by_nobody_else=frozenset(
            payment
            for payment, invoices in links.items()
            if invoices and not any(payment in payments_of.get(invoice, ()) for invoice in invoices)
        ),
    )


def _note(record: dict[str, Any], links: dict[int, list[int]], payments_of: dict[int, list[int]]) -> None:
    if record["record"] == "payment":
        links[record["id"]] = record["trueInvoiceIds"]
    else:
        payments_of[record["id"]] = record["paymentIds"]
