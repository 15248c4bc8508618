"""Tries refused list rows again, each by its own page: the vendor may have mended them, or we our reading."""

from __future__ import annotations

from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.single import INVOICE_PAGES, PAYMENT_PAGES
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.quarantine import take_up_list_rows


def replay(work: Work) -> None:
    """After the payments were walked: what is still held and due. Costs a call a record, less often each time."""
    due = work.commit(lambda tenant: take_up_list_rows(tenant, run_id=work.run_id))
    if due["payments"]:
        PAYMENT_PAGES.read(work, due["payments"], Phase.PAYMENTS)
    if due["invoices"]:
        INVOICE_PAGES.read(work, due["invoices"], Phase.PAYMENTS)
