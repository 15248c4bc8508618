"""One page of a list, and the call that asks for it."""

from __future__ import annotations

from typing import Generic, Literal, TypeAlias, TypeVar

import msgspec

from mx_pipeline.records import Further, Invoice, Payment, RefusedRecord

R = TypeVar("R", bound=Payment | Invoice | Further)
Purpose: TypeAlias = Literal["walk", "overlap", "top"]
"""Further down; again over rows that moved up; at the top, where rows have come."""


class Page(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """What one call for a list brought that the walk did not have yet."""

    offset: int
    records: tuple[R, ...]
    refused: tuple[RefusedRecord, ...]
    received: int
    """Rows in the answer, known ones included."""
    record_count: int | None
    """What this answer says the list has; None where it says nothing that can be believed."""
    sent_at: float
    """`time.monotonic()` when the request was sent."""
    is_last: bool
    notes: tuple[str, ...] = ()


class Ask(msgspec.Struct, frozen=True):
    """One call to be made."""

    purpose: Purpose
    offset: int
    limit: int
