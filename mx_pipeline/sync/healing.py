"""Finds and mends what a walk has missed: where our payments and MX's part, or by reading the list whole."""

from __future__ import annotations

import math

from mx_pipeline.mx_api.client import PAYMENTS_PER_PAGE
from mx_pipeline.sync.lists import PAYMENTS
from mx_pipeline.sync.unlisted import unlisted
from mx_pipeline.sync.work import ListRead, Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import bigints

HEALINGS_AT_MOST = 3
"""Differences in more places than this are met with fewer calls by reading the whole list."""


def heal_payments(work: Work) -> None:
    """After a walk over all payments: mend until what we hold is what MX counts, or the whole list was read twice."""
    if work.payments.record_count is None:
        return
    for _ in range(HEALINGS_AT_MOST):
        if _is_enumerated(work) or _gap(work) == 0 or _whole_list_is_cheaper(work):
            break
        _mend_page(work, _place_of_difference(work))
    if not _is_enumerated(work) and _gap(work):
        _read_whole_list(work)
    if not _is_enumerated(work):
        return
    if work.payments.distinct != work.payments.record_count:
        first = work.payments
        _read_whole_list(work)
        second = work.payments
        second.is_twice_the_same = first.met.is_same_as(second.met) and first.refused.is_same_as(
            second.refused
        )
    if work.payments.is_twice_the_same or work.payments.distinct == work.payments.record_count:
        work.vanished += work.commit(lambda tenant: mark_vanished(work, tenant))


def _is_enumerated(work: Work) -> bool:
    return work.payments.is_read_to_end and not work.payments.is_resumed


def is_whole_as_counted(work: Work, tenant: Tenant) -> bool:
    """Is there nothing for `heal_payments` to do, but to say of a list that was read whole what is not in it?"""
    if work.payments.record_count is None:
        return True
    if _is_enumerated(work):
        return work.payments.distinct == work.payments.record_count
    return _gap_in(tenant, work) == 0


def _gap(work: Work) -> int:
    return work.commit(lambda tenant: _gap_in(tenant, work))


def _gap_in(tenant: Tenant, work: Work) -> int:
    """Payments that MX counts and we do not hold; negative where we hold more. Those set aside are accounted for."""
    held: int = tenant.one("payments", "payments_held", ids=None).held
    return (work.payments.record_count or 0) - held - len(tenant.column("payments", "payments_set_aside"))


def _whole_list_is_cheaper(work: Work) -> bool:
    pages = _pages(work)
    return pages <= math.log2(pages) + 1


def _pages(work: Work) -> int:
    return max(1, math.ceil((work.payments.record_count or 0) / PAYMENTS_PER_PAGE))


def _place_of_difference(work: Work) -> int:
    """The first page whose end stands elsewhere in our list than in MX's: log2(pages) calls for one row each."""
    low, high = 0, _pages(work) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if _is_same_at(work, middle * PAYMENTS_PER_PAGE):
            low = middle
        else:
            high = middle - 1
    return low * PAYMENTS_PER_PAGE


def _is_same_at(work: Work, place: int) -> bool:
    pages = work.client.list_payments(page_size=1, limit=1, offset=place)
    theirs = next((record.mx_id for page in pages for record in page.records), None)
    ours = work.commit(lambda tenant: tenant.run("payments", "payment_at", place=place).scalar())
    return theirs == ours


def _mend_page(work: Work, place: int) -> None:
    pages = work.client.list_payments(limit=PAYMENTS_PER_PAGE, offset=place)
    for page in pages:
        PAYMENTS.write(work, pages, page, is_walk=False)
    work.payments.is_read_to_end = False
    work.payments.record_count = pages.record_count


def _read_whole_list(work: Work) -> None:
    work.payments = ListRead()
    pages = work.client.list_payments()
    for page in pages:
        PAYMENTS.write(work, pages, page, is_walk=False)


def mark_vanished(work: Work, tenant: Tenant) -> int:
    """How many payments are marked that we hold and a list that was read whole does not have; none for any other."""
    if work.payments.record_count is None or not _is_enumerated(work):
        return 0
    gone = unlisted(tenant, "payments", "payment_ids_held", work.payments)
    if gone:
        tenant.run("payments", "payments_vanished", ids=bigints(gone))
    return len(gone)
