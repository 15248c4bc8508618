"""Phase 2: which invoice id stands behind an invoice number, learned from the invoice list."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from mx_pipeline.errors import MxForbidden
from mx_pipeline.mx_api.page import Page
from mx_pipeline.records import Invoice
from mx_pipeline.sync.invoice_flight import InvoiceFlight
from mx_pipeline.sync.invoice_list import InvoiceList
from mx_pipeline.sync.lists import INVOICES, Standing, nothing_else
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.walking import LOOK_BACK, may_stop, walk
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import numbers_to_map, remember_misses
from mx_pipeline.warehouse.loading import Merged


def read_invoice_map(work: Work, listed: InvoiceList, invoices: InvoiceFlight) -> Sequence[int]:
    """Read the invoice list until every wanted number is found; in a full sync and once a week all of it.

    Status and balance of invoices come from these pages too: an incremental sync reads them down to the
    look-back when payments moved, and once a day.

    Returns the numbers that asking payment by payment finds with fewer calls than reading on.
    """
    standing, numbers = _wanted(work, listed)
    is_narrow, wanted = work.order.mode in ("latest", "range"), set(numbers)
    payments_moved = bool(work.merged.get(Phase.PAYMENTS, Merged()).changed)
    is_due = not is_narrow and (listed.to_end or standing.daily_due or payments_moved)
    if not wanted and not is_due:
        return []
    try:
        return _walk(work, wanted, standing, listed, invoices, is_due=is_due)
    except MxForbidden as error:
        work.invoices_forbidden = True
        work.note(f"invoices not read: {error}")
        return []


def _wanted(work: Work, listed: InvoiceList) -> tuple[Standing, Sequence[int]]:
    """How far the list was read, and for which numbers it is read now."""
    if listed.standing is not None and listed.to_end:
        return listed.standing, ()

    def look(tenant: Tenant) -> tuple[Standing, Sequence[int]]:
        standing = listed.look(tenant)
        # A list that is read to its end anyway brings what it has.
        return standing, () if listed.to_end else numbers_to_map(tenant, work.scope)

    return work.commit(look)


def _walk(
    work: Work,
    wanted: set[int],
    standing: Standing,
    listed: InvoiceList,
    invoices: InvoiceFlight,
    *,
    is_due: bool,
) -> Sequence[int]:
    """Where the list is read to its end, its invoices are asked for meanwhile."""
    to_end = listed.to_end
    older_than = work.observed_at(time.monotonic()) - LOOK_BACK
    work.invoices.sought = frozenset(() if to_end or is_due else wanted)
    also = invoices.look if to_end else nothing_else
    for page, merged in walk(work, INVOICES, listed.pages, standing, to_end=to_end, also=also):
        if to_end:
            invoices.after_page()
        wanted.difference_update(invoice.invoice_number for invoice in page.records)
        may_leave = not to_end and (
            not is_due or may_stop(work, INVOICES, page, merged, standing, older_than)
        )
        if page.is_last or not may_leave:
            continue
        if not wanted or len(wanted) < pages_left(page, wanted):
            break
    is_end = work.invoices.is_read_to_end and not work.invoices.is_resumed
    record_count = work.invoices.record_count or work.invoices.distinct

    def close(tenant: Tenant) -> Sequence[int]:
        INVOICES.close_in(tenant, work, standing, is_end=work.invoices.is_read_to_end, is_daily=is_due)
        missing = numbers_to_map(tenant, work.scope) if to_end else sorted(wanted)
        if is_end:
            remember_misses(tenant, missing, record_count=record_count)
        return missing

    missing = work.commit(close)
    return [] if is_end else missing


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
