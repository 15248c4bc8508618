"""What notifications name and nobody has fetched yet: what is due, who takes it, how it was handled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from mx_pipeline.warehouse.connections import Session, Tenant
from mx_pipeline.warehouse.deriving import bigints

MOST_NAMES_PER_RUN = 100
"""More wait for the next run, so that people are not kept waiting by a flood."""
MOST_ATTEMPTS = 6
"""Within three quarters of an hour; the schedule has read the list by then."""


@dataclass(frozen=True)
class Due:
    """A merchant whose notifications wait."""

    merchant_id: int
    wants_records: bool
    wants_open_set: bool


@dataclass(frozen=True)
class Named:
    """What a run is to fetch."""

    payments: Sequence[int]
    invoices: Sequence[int]


@dataclass(frozen=True)
class Handled:
    """How one notification ended."""

    names: str
    outcome: str
    names_another: bool


@dataclass(frozen=True)
class MeterDay:
    """How many of a day's fresh payments were first seen how."""

    day: date
    by_webhook: int
    by_polling: int


def due(session: Session) -> Sequence[Due] | None:
    """Merchants with something that waits, due or not; None where another process looks just now. The dispatcher's."""
    if not session.one("webhooks", "take_turn")[0]:
        return None
    rows = session.run("webhooks", "due")
    return [Due(row.merchant_id, row.wants_records, row.wants_open_set) for row in rows]


def pull_open_set_forward(tenant: Tenant) -> None:
    """The next incremental sync reads what is still open, however old."""
    tenant.run("webhooks", "pull_open_set_forward")


def close_batches(tenant: Tenant) -> None:
    """The sync that reads the open set was asked for."""
    tenant.run("webhooks", "close_batches")


def take_named(tenant: Tenant, *, run_id: int) -> Named:
    """What is due, each once; whatever comes later is for another run."""
    tenant.run("webhooks", "give_up", most_attempts=MOST_ATTEMPTS)
    rows = tenant.run("webhooks", "take_named", run_id=run_id, most=MOST_NAMES_PER_RUN).all()
    return Named(
        sorted({row.mx_payment_id for row in rows if row.mx_payment_id}),
        sorted({row.mx_invoice_id for row in rows if row.mx_invoice_id}),
    )


def unknown_here(tenant: Tenant, named: Named) -> Named:
    """Those that the warehouse does not hold."""
    payments = set(tenant.column("webhooks", "held_payments", ids=bigints(named.payments)))
    invoices = set(tenant.column("webhooks", "held_invoices", ids=bigints(named.invoices)))
    return Named(
        [one for one in named.payments if one not in payments],
        [one for one in named.invoices if one not in invoices],
    )


def close_named(tenant: Tenant, *, run_id: int, denied: Named, unanswered: Named) -> list[Handled]:
    """Say of everything that this run took how it ended; what MX did not answer waits for another try."""
    rows = tenant.run(
        "webhooks",
        "close_named",
        run_id=run_id,
        denied_payments=bigints(denied.payments),
        denied_invoices=bigints(denied.invoices),
        unanswered_payments=bigints(unanswered.payments),
        unanswered_invoices=bigints(unanswered.invoices),
    )
    return [Handled(row.names, row.outcome, row.names_another) for row in rows]


def meter(tenant: Tenant, *, days: int) -> list[MeterDay]:
    """The newest day first."""
    return [
        MeterDay(row.day, row.by_webhook, row.by_polling)
        for row in tenant.run("webhooks", "meter", days=days)
    ]


def inbox_counts(tenant: Tenant) -> Any:
    """A row: the last day's notifications, and how they were handled."""
    return tenant.one("webhooks", "inbox_counts")


def has_gone_quiet(tenant: Tenant, *, since: datetime, fewest: int) -> bool:
    """MX had so many payments to ring for since then, within a day, and never rang."""
    row = tenant.one("webhooks", "quiet", since=since)
    return row.heard == 0 and row.polled >= fewest
