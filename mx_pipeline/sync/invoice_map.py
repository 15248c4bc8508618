"""Phase 2: which invoice id stands behind an invoice number, learned from the invoice list."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet

from mx_pipeline.errors import MxForbidden
from mx_pipeline.mx_api.page import Page
from mx_pipeline.mx_api.paging import Pages
from mx_pipeline.records import Invoice
from mx_pipeline.sync.invoice_flight import InvoiceFlight
from mx_pipeline.sync.lists import INVOICES, Standing
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.walking import LOOK_BACK, may_stop, walk
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import numbers_to_map, remember_misses
from mx_pipeline.warehouse.loading import Merged


def read_invoice_map(work: Work, invoices: InvoiceFlight) -> Sequence[int]:
    """Read the invoice list until every wanted number is found; in a full sync and once a week all of it.

    Status and balance of invoices come from these pages too: an incremental sync reads them down to the
    look-back when payments moved, and once a day.

    Returns the numbers that asking payment by payment finds with fewer calls than reading on.
    """
    standing, to_end, numbers = work.commit(lambda tenant: _wanted(tenant, work))
    is_narrow, wanted = work.order.mode in ("latest", "range"), set(numbers)
    payments_moved = bool(work.merged.get(Phase.PAYMENTS, Merged()).changed)
    is_due = not is_narrow and (to_end or standing.daily_due or payments_moved)
    if not wanted and not is_due:
        return []
    try:
        return _walk(work, wanted, standing, invoices if to_end else None, is_due=is_due)
    except MxForbidden as error:
        work.invoices_forbidden = True
        work.note(f"invoices not read: {error}")
        return []


def _wanted(tenant: Tenant, work: Work) -> tuple[Standing, bool, Sequence[int]]:
    """How far the list was read, whether it is read to its end now, and for which numbers."""
    standing = INVOICES.standing_in(tenant)
    to_end = work.order.mode == "full" or (work.order.mode == "incremental" and standing.weekly_due)
    # A list that is read to its end anyway brings what it has.
    return standing, to_end, () if to_end else numbers_to_map(tenant, work.scope)


def _walk(
    work: Work, wanted: set[int], standing: Standing, invoices: InvoiceFlight | None, *, is_due: bool
) -> Sequence[int]:
    """`invoices`: where the list is read to its end, they are asked for meanwhile."""
    to_end = invoices is not None
    older_than = work.observed_at(time.monotonic()) - LOOK_BACK
    work.invoices.sought = frozenset(() if to_end or is_due else wanted)
    for page, merged in walk(work, INVOICES, _ask(work), standing, to_end=to_end):
        if invoices is not None and not page.is_last:
            invoices.after_page(page)
        wanted.difference_update(invoice.invoice_number for invoice in page.records)
        may_leave = not to_end and (
            not is_due or may_stop(work, INVOICES, page, merged, standing, older_than)
        )
        if page.is_last or not may_leave:
            continue
        if not wanted or len(wanted) < pages_left(page, wanted):
            break
    is_end = work.invoices.is_read_to_end and not work.invoices.is_resumed
    INVOICES.close(work, standing, is_end=work.invoices.is_read_to_end, is_daily=is_due)
    missing = work.commit(lambda tenant: numbers_to_map(tenant, work.scope)) if to_end else sorted(wanted)
    if not is_end:
        return missing
    record_count = work.invoices.record_count or work.invoices.distinct
    work.commit(lambda tenant: remember_misses(tenant, missing, record_count=record_count))
    return []


def _ask(work: Work) -> Callable[[int, int], Pages[Invoice]]:
    return lambda at, ahead: work.client.list_invoices(offset=at, pages_ahead=ahead)


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
