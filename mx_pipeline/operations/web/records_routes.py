"""`/api/transactions` and `/api/invoices`: pages of what is stored, names only for whoever may see them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, Field

from mx_pipeline.errors import BadInput, UnknownInvoice
from mx_pipeline.operations.web import looking
from mx_pipeline.operations.web.callers import Here
from mx_pipeline.operations.web.cursors import cursor_of, place_of
from mx_pipeline.operations.web.documenting import PROBLEMS
from mx_pipeline.operations.web.questions import Day, Filters, MerchantId, Question, Words
from mx_pipeline.warehouse.exporting import Range
from mx_pipeline.warehouse.viewing import DataSent, InvoicesWanted, TransactionsWanted
from mx_pipeline.words import LARGEST_MX_ID

router = APIRouter(prefix="/api", tags=["data"], responses=PROBLEMS)
INVOICE = re.compile(r"([1-9][0-9]{0,18})-([1-9][0-9]{0,18})", re.ASCII)
NO_INVOICE = "there is no such invoice: take its id from GET /api/invoices"
Short = Annotated[Words, Field(max_length=100)]


class RecordFilters(Filters):
    """Of which merchant, and which days of its own calendar; both days are among them."""

    merchant_id: MerchantId
    since: Annotated[Day | None, Field(alias="from", description="First day.")] = None
    until: Annotated[Day | None, Field(alias="to", description="Last day.")] = None
    status: Short | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50

    def days(self) -> Range:
        """As the warehouse has it, where the last day is not among them. Raises BadInput."""
        if self.since and self.until and self.since > self.until:
            raise BadInput("from must not be after to: exchange the two days")
        return Range(self.since, None if self.until is None else day_after(self.until))


class TransactionFilters(RecordFilters):
    """And of what kind."""

    category: Short | None = None
    has_invoice: bool | None = None
    cursor: Annotated[str | None, Field(max_length=100)] = None


class InvoiceFilters(RecordFilters):
    """And which of them."""

    number: Annotated[int | None, Field(ge=0, le=LARGEST_MX_ID)] = None
    data_sent: DataSent | None = None
    cursor: Annotated[int | None, Field(ge=1, le=LARGEST_MX_ID)] = None


class TransactionPage(BaseModel):
    """Rows of `mx.transactions`; money as text, so that it stays exact."""

    transactions: list[dict[str, Any]]
    next_cursor: str | None


class InvoicePage(BaseModel):
    """Rows of `mx.invoices`."""

    invoices: list[dict[str, Any]]
    next_cursor: int | None


class DataSentQuestion(Question):
    """Whether the invoice's data went to the provider."""

    status: DataSent
    notes: Annotated[Words, Field(max_length=1000)] | None = None


@router.get("/transactions", summary="Payments with invoice, product and category, newest first")
def transactions(here: Here, filters: Annotated[TransactionFilters, Query()]) -> TransactionPage:
    """Names are null without names.view at the merchant; with it, that they were read goes on the record."""
    wanted = TransactionsWanted(
        filters.days(), filters.status, filters.category, filters.has_invoice, place_of(filters.cursor)
    )
    found = looking.transactions(here, filters.merchant_id, wanted, most=filters.limit + 1)
    shown = found[: filters.limit]
    last = shown[-1] if len(found) > filters.limit else None
    return TransactionPage(
        transactions=[dict(row) for row in shown],
        next_cursor=None if last is None else cursor_of(last["transaction_date"], last["mx_payment_id"]),
    )


@router.get("/invoices", summary="Invoices, the newest ids first")
def invoices(here: Here, filters: Annotated[InvoiceFilters, Query()]) -> InvoicePage:
    """Names are null without names.view at the merchant; with it, that they were read goes on the record."""
    wanted = InvoicesWanted(filters.days(), filters.status, filters.number, filters.data_sent, filters.cursor)
    found = looking.invoices(here, filters.merchant_id, wanted, most=filters.limit + 1)
    shown = found[: filters.limit]
    more = shown[-1]["mx_invoice_id"] if len(found) > filters.limit else None
    return InvoicePage(invoices=[_with_id(filters.merchant_id, row) for row in shown], next_cursor=more)


@router.patch("/invoices/{id}/data-sent", summary="Say whether an invoice's data went to the provider")
def data_sent(
    here: Here,
    invoice: Annotated[
        str, Path(alias="id", max_length=40, examples=["1000000001-70"], description="Of one invoice.")
    ],
    question: Annotated[DataSentQuestion, Body()],
) -> dict[str, Any]:
    """For nurses and admins; nothing else of an invoice can be changed here, and no sync undoes it."""
    found = INVOICE.fullmatch(invoice)
    if found is None or max(int(found[1]), int(found[2])) > LARGEST_MX_ID:
        raise UnknownInvoice(NO_INVOICE)
    merchant_id, invoice_id = int(found[1]), int(found[2])
    changed = looking.set_data_sent(here, merchant_id, invoice_id, question.status, question.notes)
    return _with_id(merchant_id, changed)


def day_after(day: date) -> date:
    """The first day that is not meant any more."""
    return day + timedelta(days=1) if day < date.max else day


def _with_id(merchant_id: int, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": f"{merchant_id}-{row['mx_invoice_id']}", **row}
