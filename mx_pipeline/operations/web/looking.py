"""What people look at and change of a merchant's data, each with its permission, names on the record.

Used by the API and by the pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from mx_pipeline.operations.at_work import AtWork
from mx_pipeline.warehouse import viewing
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.merchants import get_merchant
from mx_pipeline.warehouse.viewing import (
    LOOKING,
    DataSent,
    Figures,
    InvoicesWanted,
    Row,
    TransactionsWanted,
)

SEE_TRANSACTIONS = "transactions.view:readonly"
SEE_INVOICES = "invoices.view:readonly"
SAY_DATA_SENT = "invoices.update_data_sent"
SEE_SALES = "transactions.view"
SEE_FIGURES = ("reports.view", "analytics.view")
NAMES = "names.view"


def transactions(here: AtWork, merchant_id: int, wanted: TransactionsWanted, *, most: int) -> Sequence[Row]:
    """Payments, newest first. Raises AccessDenied, recorded; UnknownMerchant."""
    access = here.require(SEE_TRANSACTIONS, merchant_id)
    with here.app.merchant(merchant_id, person=here.person.user_id, opening=LOOKING) as tenant:
        found = viewing.transactions(tenant, wanted, get_merchant(tenant).zone, most=most)
        if NAMES in access.permissions:
            _names_were_read(here, tenant, "transactions", len(found))
    return found


def invoices(here: AtWork, merchant_id: int, wanted: InvoicesWanted, *, most: int) -> Sequence[Row]:
    """Invoices, the newest ids first. Raises AccessDenied, recorded; UnknownMerchant."""
    access = here.require(SEE_INVOICES, merchant_id)
    with here.app.merchant(merchant_id, person=here.person.user_id, opening=LOOKING) as tenant:
        get_merchant(tenant)
        found = viewing.invoices(tenant, wanted, most=most)
        if NAMES in access.permissions:
            _names_were_read(here, tenant, "invoices", len(found))
    return found


def set_data_sent(
    here: AtWork, merchant_id: int, invoice_id: int, status: DataSent, notes: str | None
) -> Row:
    """Say whether an invoice's data went to the provider. Raises AccessDenied, recorded; UnknownInvoice."""
    here.require(SAY_DATA_SENT, merchant_id)
    with here.merchant(merchant_id) as tenant:
        changed = viewing.set_data_sent(tenant, invoice_id, status, notes)
        record(
            tenant,
            actor=here.person.actor,
            action="workflow.changed",
            subject=f"invoice {invoice_id}",
            detail={"data_sent_status": status},
        )
    return changed


def sales(here: AtWork, merchant_id: int, *, by_month: bool, since: date, until: date) -> Sequence[Row]:
    """Revenue by the merchant's own days or months. Raises AccessDenied, recorded; UnknownMerchant."""
    here.require(SEE_SALES, merchant_id)
    with here.app.merchant(merchant_id, person=here.person.user_id, opening=LOOKING) as tenant:
        zone = get_merchant(tenant).zone
        return viewing.revenue(tenant, "month" if by_month else "day", zone, since=since, until=until)


def figures(here: AtWork, merchant_id: int, which: Figures) -> Sequence[Row]:
    """What investors see. Raises AccessDenied, recorded."""
    access = here.access(SEE_FIGURES[0], merchant_id)
    if access.permissions.isdisjoint(SEE_FIGURES):
        here.require(SEE_FIGURES[0], merchant_id)
    with here.app.merchant(merchant_id, person=here.person.user_id, opening=LOOKING) as tenant:
        return viewing.figures(tenant, which)


def _names_were_read(here: AtWork, tenant: Tenant, what: str, rows: int) -> None:
    """In the transaction that read them, which is over before the first of them leaves."""
    if rows:
        record(tenant, actor=here.person.actor, action="names.read", detail={"what": what, "rows": rows})
