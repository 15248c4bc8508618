"""What may be said when asking for a sync, and what request that makes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import Field, model_validator

from mx_pipeline.operations.web.questions import Day, MerchantId, Question, Words
from mx_pipeline.warehouse.requests import SyncRequest

USUAL_COUNT = 20
MOST_COUNT = 100
MOST_COUNT_IN_EMERGENCY = 1000
LONGEST_REASON = 500
MOST_MONTHS = 13
MONTHS = 12
LAST_YEAR = 9990
"""So that the day after is a day too."""


class SyncQuestion(Question):
    """The newest payments, or those of certain days; with their invoices and products."""

    merchant_id: MerchantId
    transaction_count: Annotated[
        int,
        Field(
            ge=1, le=MOST_COUNT_IN_EMERGENCY, description="How many of the newest; above 100 as an emergency."
        ),
    ] = USUAL_COUNT
    emergency: bool = False
    reason: Annotated[Words, Field(min_length=1, max_length=LONGEST_REASON)] | None = None
    date_from: Annotated[
        Day | None,
        Field(
            description="First day, in the merchant's time zone; an emergency. The days decide, not the count."
        ),
    ] = None
    date_to: Annotated[Day | None, Field(description="Last day; at most 13 months after the first.")] = None
    dry_run: Annotated[bool, Field(description="Read and compare, and store nothing; not for days.")] = False

    @model_validator(mode="after")
    def _together(self) -> SyncQuestion:
        if self.transaction_count > MOST_COUNT and not self.emergency:
            raise ValueError(
                f"transactionCount may be {MOST_COUNT} at most, or {MOST_COUNT_IN_EMERGENCY} with emergency: true "
                "and a reason"
            )
        if self.date_from is not None or self.date_to is not None:
            self._check_days()
        if self.emergency and not self.reason:
            raise ValueError("reason is missing: an emergency needs one, in words; it goes on the record")
        return self

    def _check_days(self) -> None:
        if self.date_from is None:
            raise ValueError("dateFrom is missing: type the first day too, such as 2026-03-01")
        if self.dry_run:
            raise ValueError("dryRun compares the newest payments: leave dateFrom and dateTo out")
        if not self.emergency:
            raise ValueError(
                "emergency must be true for dateFrom and dateTo, because days can hold any number of payments; say why "
                "in reason, or leave the days out"
            )
        last = self.date_to or datetime.now(UTC).date()
        if self.date_from > last:
            raise ValueError("dateFrom must not be after dateTo, nor after today: exchange the two days")
        if last.year > LAST_YEAR or is_too_long(self.date_from, last):
            raise ValueError("dateTo may be 13 months after dateFrom at most: ask for a part of it")

    def as_request(self, asked_by: str) -> SyncRequest:
        """What is asked for."""
        is_range = self.date_from is not None
        return SyncRequest(
            asked_by=asked_by,
            asked_through="api",
            mode="range" if is_range else "latest",
            latest=None if is_range else self.transaction_count,
            since=self.date_from,
            until=None if self.date_to is None else self.date_to + timedelta(days=1),
            emergency=self.emergency,
            reason=self.reason,
            dry_run=self.dry_run,
        )


def is_too_long(first: date, last: date) -> bool:
    """More than 13 months, where the 13th ends the day before its day comes again."""
    months = first.year * MONTHS + first.month - 1 + MOST_MONTHS
    end = date(months // MONTHS, months % MONTHS + 1, 1) + timedelta(days=first.day - 1)
    return last >= end
