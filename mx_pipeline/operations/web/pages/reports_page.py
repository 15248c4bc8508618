"""The figures of one clinic that hide everyone in them: what investors come for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from mx_pipeline.operations.web import looking
from mx_pipeline.operations.web.callers import CallerNow
from mx_pipeline.operations.web.pages.clinic import clinic_of
from mx_pipeline.operations.web.pages.showing import PageRoute, money, show
from mx_pipeline.warehouse.viewing import Figures, Row

router = APIRouter(route_class=PageRoute, include_in_schema=False)

WORDS = ("kind", "membership_status")
"""Ours, and not a name that somebody typed."""
MOST_ROWS = 60
"""The newest; the API has them all."""


@dataclass(frozen=True)
class Column:
    """One column of a report."""

    name: str
    word: str
    is_number: bool = False
    is_money: bool = False


MONTH = Column("month", "Month")
REVENUE = Column("revenue", "Revenue", is_number=True, is_money=True)
PAYMENTS = Column("payments", "Payments", is_number=True)
TICKET = Column("average_ticket", "Average payment", is_number=True, is_money=True)
REPORTS: Sequence[tuple[Figures, str, tuple[Column, ...]]] = (
    ("revenue-by-month", "Revenue by month", (MONTH, REVENUE, PAYMENTS, TICKET)),
    (
        "revenue-by-category",
        "Revenue by category",
        (MONTH, Column("product_category", "Category"), REVENUE, PAYMENTS, TICKET),
    ),
    (
        "payments-by-month",
        "Sales, refunds and declined payments",
        (MONTH, Column("kind", "Kind"), PAYMENTS, Column("amount", "Amount", is_number=True, is_money=True)),
    ),
    (
        "memberships",
        "Memberships",
        (Column("membership_status", "Status"), Column("members", "Members", is_number=True)),
    ),
)


@dataclass(frozen=True)
class Report:
    """One table."""

    title: str
    columns: tuple[Column, ...]
    rows: list[list[str]]


@router.get("/clinics/{merchant_id}/reports")
def reports_page(request: Request, caller: CallerNow, merchant_id: int) -> Response:
    """All of them, newest month first."""
    clinic = clinic_of(request, caller, merchant_id, "reports")
    reports = [
        Report(title, columns, _rows(looking.figures(caller.here, merchant_id, which), columns))
        for which, title, columns in REPORTS
    ]
    return show("reports.html", clinic.view, reports=reports)


def _rows(found: Sequence[Row], columns: tuple[Column, ...]) -> list[list[str]]:
    newest_first = list(reversed(found)) if columns[0] is MONTH else list(found)
    return [[_cell(row[column.name], column) for column in columns] for row in newest_first[:MOST_ROWS]]


def _cell(value: Any, column: Column) -> str:
    if isinstance(value, date):
        return f"{value:%B %Y}"
    if column.is_money:
        return money(Decimal(value))
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).capitalize() if column.name in WORDS else str(value)
