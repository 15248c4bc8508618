"""What people look at: pages of one merchant's payments and invoices, and its figures; as the application, for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

from mx_pipeline.errors import UnknownInvoice
from mx_pipeline.warehouse.connections import LIMITS, Opening, Tenant
from mx_pipeline.warehouse.exporting import Range

Row: TypeAlias = Mapping[str, Any]
LOOKING = Opening(limits={**LIMITS, "statement_timeout": "15s", "lock_timeout": "2s"})
"""Somebody waits, and a thread with them."""

DataSent: TypeAlias = Literal["pending", "yes", "no"]
Figures: TypeAlias = Literal[
    "revenue-by-month", "revenue-by-category", "revenue-by-product", "payments-by-month", "memberships"
]
FIGURES: Mapping[Figures, str] = MappingProxyType(
    {
        "revenue-by-month": "investors_revenue_by_month",
        "revenue-by-category": "investors_revenue_by_category",
        "revenue-by-product": "investors_revenue_by_product",
        "payments-by-month": "investors_payments_by_month",
        "memberships": "investors_memberships",
    }
)


@dataclass(frozen=True)
class TransactionsWanted:
    """Which payments; None is any."""

    days: Range
    status: str | None = None
    category: str | None = None
    has_invoice: bool | None = None
    before: tuple[datetime, int] | None = None
    """The last one of the page before."""


@dataclass(frozen=True)
class InvoicesWanted:
    """Which invoices; None is any."""

    days: Range
    status: str | None = None
    number: int | None = None
    data_sent: DataSent | None = None
    before: int | None = None


def merchant_seen(tenant: Tenant) -> Any:
    """The merchant as this person sees it; None where there is none, or they may do nothing there."""
    return tenant.run("viewing", "merchant_seen").one_or_none()


def transactions(tenant: Tenant, wanted: TransactionsWanted, zone: ZoneInfo, *, most: int) -> list[Row]:
    """A page, newest first."""
    at, mx_id = wanted.before or (None, None)
    found = tenant.run(
        "viewing",
        "transactions",
        **wanted.days.parameters(zone),
        status=wanted.status,
        category=wanted.category,
        has_invoice=wanted.has_invoice,
        before_at=at,
        before_id=mx_id,
        most=most,
    )
    return [dict(row) for row in found.mappings()]


def invoices(tenant: Tenant, wanted: InvoicesWanted, *, most: int) -> list[Row]:
    """A page, those with the greatest ids first."""
    found = tenant.run(
        "viewing",
        "invoices",
        since=wanted.days.since,
        until=wanted.days.until,
        status=wanted.status,
        number=wanted.number,
        data_sent=wanted.data_sent,
        before_id=wanted.before,
        most=most,
    )
    return [dict(row) for row in found.mappings()]


def set_data_sent(tenant: Tenant, invoice_id: int, status: DataSent, notes: str | None) -> Row:
    """Say whether an invoice's data went to the provider. Raises UnknownInvoice."""
    changed = tenant.run("viewing", "set_data_sent", invoice_id=invoice_id, status=status, notes=notes)
    row = changed.mappings().one_or_none()
    if row is None:
        raise UnknownInvoice(
            f"merchant {tenant.merchant_id} has no invoice with the id {invoice_id}; see GET /api/invoices"
        )
    return dict(row)


def revenue(
    tenant: Tenant, by: Literal["day", "month"], zone: ZoneInfo, *, since: date, until: date
) -> list[Row]:
    """Sales by the merchant's own days or months; `until` is not among them."""
    days = Range(since, until).parameters(zone)
    found = tenant.run("viewing", f"revenue_by_{by}", **days)
    return [dict(row) for row in found.mappings()]


def figures(tenant: Tenant, which: Figures) -> list[Row]:
    """Sums of groups that hide everyone in them."""
    return [dict(row) for row in tenant.run("viewing", FIGURES[which]).mappings()]
