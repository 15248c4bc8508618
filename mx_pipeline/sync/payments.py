"""Phase 1: the payment list, newest first, written page by page."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal

from mx_pipeline.mx_api.paging import Page
from mx_pipeline.records import Payment
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.loading import Merged, load_payments, release

LOOK_BACK = timedelta(days=7)
"""Payments younger than this are read again by every sync: they settle, or are voided, within days."""


def read_payments(work: Work) -> None:
    """Read what the order asks for; an incremental sync stops where all is known, unchanged and old enough."""
    with work.tenant() as tenant:
        was_walked = tenant.one("sync", "was_walked").was_walked
    look_back_to = work.observed_at(time.monotonic()) - LOOK_BACK
    pages = work.client.list_payments(limit=work.order.latest)
    for page in pages:
        merged = _write(work, page, is_end=page.is_last and work.order.mode != "latest")
        work.payments.distinct = pages.distinct
        work.payments.record_count = pages.record_count
        for note in page.notes:
            work.note(note)
        work.payments.is_read_to_end = page.is_last
        may_stop = work.order.mode == "incremental" and was_walked and page.records and not page.refused
        if (
            may_stop
            and not merged.changed
            and max(payment.created for payment in page.records) < look_back_to
        ):
            return


def _write(work: Work, page: Page[Payment], *, is_end: bool) -> Merged:
    with work.tenant() as tenant:
        merged = load_payments(tenant, page.records, observed_at=work.observed_at(page.sent_at))
        work.set_aside(tenant, page.refused)
        release(tenant, "payments", [payment.payment_id for payment in page.records])
        tenant.run(
            "sync",
            "keep_position",
            stream="payments",
            run_id=work.run_id,
            position=page.offset + page.received,
            record_count=page.record_count,
            is_end=is_end,
        )
    work.add(Phase.PAYMENTS, merged)
    work.payments.ids.extend(payment.payment_id for payment in page.records)
    work.payments.total += sum((payment.amount for payment in page.records), Decimal(0))
    return merged
