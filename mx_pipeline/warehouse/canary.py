"""What the canary asks of the warehouse, and how its last look ended."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mx_pipeline.warehouse.connections import Session


@dataclass(frozen=True)
class Stored:
    """A payment as a person reads it."""

    amount: Decimal
    status: str
    client_reference: str | None


def count_of(session: Session, merchant_id: int) -> int:
    """How many of this merchant's payments whoever asks may read."""
    return int(session.one("canary", "count_of", whose=merchant_id).payments)


def count_stored(session: Session, merchant_id: int) -> int:
    """The same for the loader."""
    return int(session.one("canary", "count_stored", whose=merchant_id).payments)


def stored(session: Session, merchant_id: int, payment_id: int) -> Stored | None:
    """One of them."""
    row = session.run("canary", "stored", whose=merchant_id, payment_id=payment_id).one_or_none()
    return None if row is None else Stored(row.amount, row.status, row.client_reference)


def days_known(session: Session, merchant_id: int) -> int:
    """How many days have begun since this merchant was added."""
    return int(session.one("canary", "days_known", whose=merchant_id).days)


def keep_look(session: Session, *, is_well: bool) -> None:
    """As the dispatcher."""
    session.run("canary", "keep_look", is_well=is_well)


def last_look(session: Session) -> Any:
    """When, whether all was well, and when it was last; None where there was none."""
    return session.run("canary", "last_look").one_or_none()
