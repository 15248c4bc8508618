"""The payments of some days: found in the list by halving, read until one older row proves the end.

The vendor's date filter is documented nowhere, so it is not asked for: what it left out could not be seen.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from mx_pipeline.mx_api.client import PAYMENTS_PER_PAGE
from mx_pipeline.mx_api.page import Page
from mx_pipeline.records import Payment
from mx_pipeline.sync.lists import PAYMENTS
from mx_pipeline.sync.work import Work

MARGIN_ROWS = 50
"""Rows before the place that halving found: the order within a second is not promised."""
PROOF_ROWS = 20
"""So many older rows at the end of a page say that the days are over."""


def read_range(work: Work) -> None:
    """Read the payments in [since, until), in the merchant's days."""
    since, until = work.order.bounds
    offset = 0 if until is None else _offset_of(work, until)
    pages = work.client.list_payments(offset=offset)
    for page in pages:
        rows = sorted((payment.created for payment in page.records), reverse=True)
        PAYMENTS.write(work, pages, _inside(page, since, until), is_walk=False)
        if since is not None and len(rows) >= PROOF_ROWS and rows[-PROOF_ROWS] < since:
            work.payments.has_older_row = True
            return
    # The list's own end; only the count of all rows tells it from a list that broke off.
    work.payments.has_older_row = pages.record_count is not None and pages.offset >= pages.record_count


def _inside(page: Page[Payment], since: datetime | None, until: datetime | None) -> Page[Payment]:
    kept = tuple(
        payment
        for payment in page.records
        if (since is None or payment.created >= since) and (until is None or payment.created < until)
    )
    return msgspec.structs.replace(page, records=kept)


def _offset_of(work: Work, until: datetime) -> int:
    """Where payments older than `until` begin, less a margin: log2(pages) calls for one row each."""
    total = _peek(work, 0)[1]
    low, high = 0, max(0, (total or 0) - 1) // PAYMENTS_PER_PAGE
    while low < high:
        middle = (low + high + 1) // 2
        created, _ = _peek(work, middle * PAYMENTS_PER_PAGE)
        if created is None or created < until:
            high = middle - 1
        else:
            low = middle
    return max(0, low * PAYMENTS_PER_PAGE - MARGIN_ROWS)


def _peek(work: Work, offset: int) -> tuple[datetime | None, int | None]:
    pages = work.client.list_payments(page_size=1, limit=1, offset=offset)
    for page in pages:
        return (page.records[0].created if page.records else None), page.record_count
    return None, pages.record_count
