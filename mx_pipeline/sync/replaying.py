"""Tries refused list rows again, each by its own page: the vendor may have mended them, or we our reading."""

from __future__ import annotations

from collections.abc import Mapping

from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.single import INVOICE_PAGES, PAYMENT_PAGES
from mx_pipeline.sync.work import Work


def replay(work: Work, due: Mapping[str, list[int]]) -> None:
    """After the payments were walked: what was taken up, as due. Costs a call a record, less often each time."""
    if due["payments"]:
        PAYMENT_PAGES.read(work, due["payments"], Phase.PAYMENTS)
    if due["invoices"]:
        INVOICE_PAGES.read(work, due["invoices"], Phase.PAYMENTS)
