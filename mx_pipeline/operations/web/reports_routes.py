"""`/api/reports/…`: sales for those who see payments, sums that hide everyone in them for investors."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.web import looking
from mx_pipeline.operations.web.callers import Here
from mx_pipeline.operations.web.documenting import PROBLEMS
from mx_pipeline.operations.web.questions import Day, Filters, MerchantId
from mx_pipeline.operations.web.records_routes import day_after
from mx_pipeline.warehouse.viewing import Figures

router = APIRouter(prefix="/api/reports", tags=["reports"], responses=PROBLEMS)
USUAL_DAYS = 30
MOST_DAYS = 3_700
"""Ten years."""


class Report(BaseModel):
    """One row for each day, month or group; money as text, so that it stays exact."""

    rows: list[dict[str, Any]]


class SalesFilters(Filters):
    """Of which merchant, by what, and which days; both are among them."""

    merchant_id: MerchantId
    by: Literal["day", "month"] = "day"
    since: Annotated[Day | None, Field(alias="from")] = None
    until: Annotated[Day | None, Field(alias="to")] = None


class FigureFilters(Filters):
    """Of which merchant."""

    merchant_id: MerchantId


@router.get("/revenue", summary="Sales by day or month")
def revenue(here: Here, filters: Annotated[SalesFilters, Query()]) -> Report:
    """The last 30 days by default, in the merchant's time zone; refunds stand beside, not taken off."""
    last = filters.until or datetime.now(UTC).date()
    since = filters.since or max(last, date.min + timedelta(USUAL_DAYS)) - timedelta(USUAL_DAYS)
    if since > last:
        raise BadInput("from must not be after to: exchange the two days")
    if (last - since).days > MOST_DAYS:
        raise BadInput("from and to may be ten years apart at most: ask for a part of it")
    is_by_month = filters.by == "month"
    found = looking.sales(here, filters.merchant_id, by_month=is_by_month, since=since, until=day_after(last))
    return Report(rows=[dict(row) for row in found])


@router.get("/investors/{which}", summary="Sums of complete months, of groups of 5 customers or more")
def investors(here: Here, which: Figures, filters: Annotated[FigureFilters, Query()]) -> Report:
    """What investors may see: no payment, no person, and nothing from which one could be worked out."""
    return Report(rows=[dict(row) for row in looking.figures(here, filters.merchant_id, which)])
