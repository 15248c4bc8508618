"""Phase 1: the payment list, newest first, written page by page, and what may still have changed below it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from mx_pipeline.mx_api.client import PAYMENTS_PER_PAGE
from mx_pipeline.mx_api.paging import Pages
from mx_pipeline.records import Payment
from mx_pipeline.sync.healing import heal_payments, is_whole_as_counted, mark_vanished
from mx_pipeline.sync.invoice_list import InvoiceList
from mx_pipeline.sync.lists import PAYMENTS, Standing
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.payment_range import read_range
from mx_pipeline.sync.replaying import replay
from mx_pipeline.sync.single import PAYMENT_PAGES
from mx_pipeline.sync.walking import LOOK_BACK, may_stop, walk
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.quarantine import take_up_list_rows

OPEN_SET_AGE = timedelta(days=120)
"""A payment that is older and still open is read again by a full sync or the weekly walk only."""


def read_payments(work: Work, invoices: InvoiceList) -> None:
    """Read what the order asks for.

    An incremental sync stops where all is known, unchanged and older than the look-back. Once a day it asks
    for older payments that are still open, once a week it reads the whole list. `invoices`: begun when the last
    payments have come.
    """
    match work.order.mode:
        case "latest":
            pages = work.client.list_payments(limit=work.order.latest)
            for page in pages:
                PAYMENTS.write(work, pages, page, is_walk=False)
        case "range":
            read_range(work)
        case "incremental" | "full":
            _read_all_that_is_due(work, invoices)
        case "named":
            raise AssertionError("what notifications name is read by sync_named")


def _read_all_that_is_due(work: Work, invoices: InvoiceList) -> None:
    standing, _ = work.commit(lambda tenant: (PAYMENTS.standing_in(tenant), invoices.look(tenant)))
    to_end = work.order.mode == "full" or standing.weekly_due or not standing.is_walked
    now = work.observed_at(time.monotonic())
    older_than, by_id = now - LOOK_BACK, list[int]()
    if standing.daily_due and not to_end:
        older_than, by_id = _open_set(work, now)
    for page, merged in walk(work, PAYMENTS, _ask(work, invoices.begin), standing, to_end=to_end):
        if not to_end and may_stop(work, PAYMENTS, page, merged, standing, older_than):
            break
    if by_id:
        PAYMENT_PAGES.read(work, by_id, Phase.PAYMENTS)
    due, is_closed, vanished = work.commit(lambda tenant: _closed_if_whole(tenant, work, standing))
    work.vanished += vanished
    if not is_closed:
        replay(work, due)
        heal_payments(work)
        PAYMENTS.close(work, standing, is_end=work.payments.is_read_to_end, is_daily=standing.daily_due)


def _closed_if_whole(
    tenant: Tenant, work: Work, standing: Standing
) -> tuple[Mapping[str, list[int]], bool, int]:
    """Most syncs leave nothing to mend: one transaction tells so and closes the walk. Else: which rows to try again."""
    due = take_up_list_rows(tenant, run_id=work.run_id)
    is_whole = not any(due.values()) and is_whole_as_counted(work, tenant)
    vanished = mark_vanished(work, tenant) if is_whole else 0
    if is_whole:
        PAYMENTS.close_in(
            tenant, work, standing, is_end=work.payments.is_read_to_end, is_daily=standing.daily_due
        )
    return due, is_whole, vanished


def _ask(work: Work, on_end: Callable[[], None]) -> Callable[[int, int], Pages[Payment]]:
    return lambda at, ahead: work.client.list_payments(offset=at, pages_ahead=ahead, on_end=on_end)


def _open_set(work: Work, now: datetime) -> tuple[datetime, list[int]]:
    """How deep to walk, and which payments to ask for one by one: whichever costs fewer calls."""
    look_back_to = now - LOOK_BACK
    found: Any = work.commit(
        lambda tenant: tenant.one(
            "payments", "open_payments", look_back_to=look_back_to, no_older_than=now - OPEN_SET_AGE
        )
    )
    if not found.ids:
        return look_back_to, []
    pages = math.ceil(found.rows_to_oldest / PAYMENTS_PER_PAGE)
    more_pages = pages - max(1, math.ceil(found.rows_in_look_back / PAYMENTS_PER_PAGE))
    if more_pages <= len(found.ids):
        return found.oldest, []
    return look_back_to, list(found.ids)
