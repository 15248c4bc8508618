"""What was asked, by whom, and what came of it, as one row of the history and as a heading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from mx_pipeline.operations.web.pages.sync_ends import End, end_of
from mx_pipeline.warehouse.watching import Asked

THROUGH: Mapping[str, str] = MappingProxyType(
    {"schedule": "The schedule", "webhook": "MX Merchant’s news", "dagster": "The data team"}
)
SECONDS_PER_MINUTE = 60


@dataclass(frozen=True)
class Row:
    """One sync in the history."""

    href: str
    asked_at: datetime
    what: str
    reason: str | None
    who: str
    end: End
    payments: str
    calls: str
    took: str


def row_of(asked: Asked, *, me: str) -> Row:
    """`me`: as the requests name whoever looks."""
    stats = asked.stats or {}
    return Row(
        href=f"/clinics/{asked.merchant_id}/sync/{asked.request_id}",
        asked_at=asked.asked_at,
        what=what_of(asked),
        reason=asked.reason,
        who=who_of(asked, me=me),
        end=end_of(asked),
        payments=_number(stats.get("transactionsSynced")),
        calls=_number(stats.get("apiCalls")),
        took=took(asked.seconds),
    )


def what_of(asked: Asked) -> str:
    """What was asked for."""
    match asked.mode:
        case "latest":
            what = "The newest payment" if asked.latest == 1 else f"The newest {asked.latest:,} payments"
        case "range":
            last = None if asked.until is None else asked.until - timedelta(days=1)
            since = f"from {asked.since:%b %-d, %Y}" if asked.since else "from the first"
            what = f"Payments {since} to {last:%b %-d, %Y}" if last else f"Payments {since} until now"
        case "full":
            what = "Everything, from the beginning"
        case _:
            what = "What is new"
    what = f"{what}, as an emergency" if asked.emergency else what
    return f"{what}, tried without saving" if asked.dry_run else what


def who_of(asked: Asked, *, me: str) -> str:
    """Who asked, as far as whoever looks may know."""
    if asked.asked_by == me:
        return "You"
    if asked.asker:
        return asked.asker
    if asked.asked_by.startswith("operator:"):
        return "The operator"
    return THROUGH.get(asked.asked_through, "Somebody else")


def took(seconds: float | None) -> str:
    """Short, for a table."""
    if seconds is None:
        return ""
    if seconds < SECONDS_PER_MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), SECONDS_PER_MINUTE)
    return f"{minutes} min {rest} s"


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else ""
