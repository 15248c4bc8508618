"""Phase 2: which invoice id stands behind an invoice number, learned from the invoice list."""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet

from mx_pipeline.errors import MxForbidden
from mx_pipeline.mx_api.page import Page
from mx_pipeline.records import Invoice
from mx_pipeline.sync.lists import INVOICES
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.deriving import numbers_to_map, remember_misses


def read_invoice_map(work: Work) -> list[int]:
    """Read the invoice list until every wanted number is found; a full sync reads all of it.

    Returns the numbers that asking payment by payment finds with fewer calls than reading on.
    """
    wanted = set(work.commit(lambda tenant: numbers_to_map(tenant, work.scope)))
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
        INVOICES.write(work, pages, page, is_end=page.is_last)
        wanted -= {invoice.invoice_number for invoice in page.records}
        if work.order.mode == "full" or page.is_last:
            continue
        if not wanted:
            return []
        if len(wanted) < pages_left(page, wanted):
            return sorted(wanted)

    record_count = pages.record_count or pages.distinct
    work.commit(lambda tenant: remember_misses(tenant, sorted(wanted), record_count=record_count))
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
