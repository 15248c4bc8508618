"""Phase 2: which invoice id stands behind an invoice number, learned from the invoice list."""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet
from decimal import Decimal

from mx_pipeline.errors import MxForbidden
from mx_pipeline.mx_api.paging import Page
from mx_pipeline.records import Invoice
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.deriving import numbers_to_map, remember_misses
from mx_pipeline.warehouse.loading import load_invoices, release


def read_invoice_map(work: Work) -> list[int]:
    """Read the invoice list until every wanted number is found; a full sync reads all of it.

    Returns the numbers that asking payment by payment finds with fewer calls than reading on.
    """
    with work.tenant() as tenant:
        wanted = set(numbers_to_map(tenant, work.scope))
    if not wanted and work.order.mode != "full":
        return []
    try:
        return _walk(work, wanted)
    except MxForbidden as error:
        work.invoices_forbidden = True
        work.note(f"invoices not read: {error}")
        return []


def _walk(work: Work, wanted: set[int]) -> list[int]:
    pages = work.client.list_invoices()
    for page in pages:
        _write(work, page)
        work.invoices.distinct = pages.distinct
        work.invoices.record_count = pages.record_count
        work.invoices.is_read_to_end = page.is_last
        for note in page.notes:
            work.note(note)
        wanted -= {invoice.invoice_number for invoice in page.records}
        if work.order.mode == "full" or page.is_last:
            continue
        if not wanted:
            return []
        if len(wanted) < pages_left(page, wanted):
            return sorted(wanted)

    with work.tenant() as tenant:
        remember_misses(tenant, sorted(wanted), record_count=pages.record_count or pages.distinct)
    return []


def pages_left(page: Page[Invoice], wanted: AbstractSet[int]) -> int:
    """How many more pages will hold the wanted numbers, given that MX numbers invoices in sequence.

    A number that should have stood on a page already read is probably nowhere, and only the list's
    end can prove that.
    """
    size = max(page.received, 1)
    to_end = math.ceil(max((page.record_count or 0) - page.offset - page.received, 0) / size) or 1
    if not page.records:
        return to_end
    lowest = min(invoice.invoice_number for invoice in page.records)
    if max(wanted) > lowest:
        return to_end
    return min(to_end, math.ceil((lowest - min(wanted)) / size))


def _write(work: Work, page: Page[Invoice]) -> None:
    with work.tenant() as tenant:
        merged = load_invoices(tenant, page.records, observed_at=work.observed_at(page.sent_at))
        work.set_aside(tenant, page.refused)
        release(tenant, "invoices", [invoice.invoice_id for invoice in page.records])
        tenant.run(
            "sync",
            "keep_position",
            stream="invoices",
            run_id=work.run_id,
            position=page.offset + page.received,
            record_count=page.record_count,
            is_end=page.is_last,
        )
    work.add(Phase.INVOICE_MAP, merged)
    work.invoices.ids.extend(invoice.invoice_id for invoice in page.records)
    work.invoices.total += sum((invoice.total_amount or Decimal(0) for invoice in page.records), Decimal(0))
