"""Phase 1: the payment list, newest first, written page by page."""

from __future__ import annotations

import time
from datetime import timedelta

from mx_pipeline.sync.lists import PAYMENTS
from mx_pipeline.sync.work import Work

LOOK_BACK = timedelta(days=7)
"""Payments younger than this are read again by every sync: they settle, or are voided, within days."""


def read_payments(work: Work) -> None:
    """Read what the order asks for; an incremental sync stops where all is known, unchanged and old enough."""
    was_walked: bool = work.commit(lambda tenant: tenant.one("sync", "was_walked").was_walked)
    look_back_to = work.observed_at(time.monotonic()) - LOOK_BACK
    pages = work.client.list_payments(limit=work.order.latest)
    for page in pages:
        merged = PAYMENTS.write(work, pages, page, is_end=page.is_last and work.order.mode != "latest")
        may_stop = work.order.mode == "incremental" and was_walked and page.records and not page.refused
        if (
            may_stop
            and not merged.changed
            and max(payment.created for payment in page.records) < look_back_to
        ):
            return
