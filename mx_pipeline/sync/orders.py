"""What is asked of one sync, and what it reports back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

Mode: TypeAlias = Literal["incremental", "latest", "range", "full", "named"]
Outcome: TypeAlias = Literal["success", "partial", "failed", "cancelled", "rate_limited", "auth_failed"]
Stat: TypeAlias = int | float | str | bool | Mapping[str, int] | Mapping[str, float] | None


class Phase(StrEnum):
    """The steps of a sync in their order; each is also the name of a Dagster asset."""

    PAYMENTS = "payments"
    INVOICE_MAP = "invoice_map"
    INVOICE_DETAILS = "invoice_details"
    ENRICHED_TRANSACTIONS = "enriched_transactions"


ALL_PHASES = frozenset(Phase)


@dataclass(frozen=True)
class SyncOrder:
    """One sync of one merchant."""

    merchant_id: int
    mode: Mode = "incremental"
    latest: int | None = None
    """With mode `latest`: how many payments, counted from the newest."""
    since: date | None = None
    until: date | None = None
    """With mode `range`: days of the merchant, `until` not among them."""
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    request_id: int | None = None
    dagster_run_id: str | None = None
    phases: frozenset[Phase] = ALL_PHASES

    @property
    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """The instants at which the days begin and end; a day may have 23 or 25 hours."""
        return _day_start(self.since, self.zone), _day_start(self.until, self.zone)

    @property
    def scope(self) -> str:
        """What a certificate of this sync speaks of, in words."""
        match self.mode:
            case "latest":
                return f"the newest {self.latest} payments"
            case "range":
                return f"the payments from {self.since or 'the first'} until before {self.until or 'now'}"
            case "named":
                return "what notifications named"
            case "incremental" | "full":
                return "all payments"


def _day_start(day: date | None, zone: ZoneInfo) -> datetime | None:
    if day is None:
        return None
    # By way of UTC: where the clock skips midnight, this is the first instant after the gap.
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


@dataclass(frozen=True)
class Certificate:
    """What the source says it has, against what we hold."""

    stream: str
    """`payments`, `invoices`, or a further list's."""
    scope: str
    basis: Literal["count", "enumerated"]
    verdict: Literal["agrees", "differs", "unproven"]
    source_count: int | None
    our_count: int
    source_sum: str | None = None
    our_sum: str | None = None
    missing_ids: tuple[int, ...] = ()
    surplus_ids: tuple[int, ...] = ()
    note: str | None = None

    def as_json(self) -> dict[str, object]:
        """As `sync --json` prints it."""
        return {
            "scope": self.scope,
            "basis": self.basis,
            "verdict": self.verdict,
            "source_count": self.source_count,
            "our_count": self.our_count,
            "source_sum": self.source_sum,
            "our_sum": self.our_sum,
            "missing_ids": list(self.missing_ids),
            "surplus_ids": list(self.surplus_ids),
            "note": self.note,
        }


@dataclass(frozen=True)
class SyncReport:
    """How one merchant's sync ended."""

    merchant_id: int
    run_id: int | None
    outcome: Outcome
    message: str
    started_at: datetime
    finished_at: datetime
    seconds: float
    stats: Mapping[str, Stat] = field(default_factory=dict[str, Stat])
    certificates: tuple[Certificate, ...] = ()
    phases_done: Mapping[Phase, Mapping[str, Stat]] = field(default_factory=dict[Phase, Mapping[str, Stat]])
    """For each phase that ran to its end: what it did. A phase that failed is not among them."""
    is_interrupted: bool = False
    """Its process had to end; the request waits again, and the next process goes on."""
    is_dry: bool = False
    """It only compared."""

    def as_json(self) -> dict[str, object]:
        """One element of `runs` in `sync --json`."""
        return {
            "merchant_id": self.merchant_id,
            "status": self.outcome,
            "stats": dict(self.stats),
            "certificate": {made.stream: made.as_json() for made in self.certificates},
            "started_at": self.started_at.isoformat(),
            "finished_at": self.finished_at.isoformat(),
            "seconds": round(self.seconds, 3),
            "message": self.message,
        }
