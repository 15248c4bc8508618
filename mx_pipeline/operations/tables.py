"""The tables that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    from mx_pipeline.sync.orders import Stat, SyncReport
    from mx_pipeline.warehouse.merchants import Merchant
    from mx_pipeline.warehouse.webhook_inbox import MeterDay

NO_MERCHANTS = "there are no merchants yet; add one with: mx-pipeline merchants add"
NOTHING = "-"
SECONDS_IN_WORDS = ((86_400, "d"), (3_600, "h"), (60, "min"))


class HasState(Protocol):
    """What tells whether a merchant is synced."""

    @property
    def is_active(self) -> bool:
        """Not paused by a person."""
        ...

    @property
    def credentials_refused_at(self) -> datetime | None:
        """Since when the vendor refuses its key."""
        ...


def sync_table(reports: Sequence[SyncReport]) -> Table:
    """One row per merchant that was synced."""
    table = new_table("merchant", "outcome")
    for header in ("payments", "linked", "with products", "standalone", "calls", "seconds"):
        table.add_column(header, justify="right")
    table.add_column("certificate")
    for report in reports:
        table.add_row(
            str(report.merchant_id),
            report.outcome,
            _number(report.stats, "transactionsStored"),
            _number(report.stats, "transactionsLinkedToInvoices"),
            _number(report.stats, "transactionsWithProducts"),
            _number(report.stats, "transactionsStandalone"),
            _number(report.stats, "apiCalls"),
            f"{report.seconds:.1f}",
            _certificate(report),
        )
    return table


def dry_run_table(reports: Sequence[SyncReport]) -> Table:
    """One row per merchant that was only compared: its payments, its invoices, and what the sync itself would cost."""
    table = new_table("merchant", "outcome")
    names = {
        "would add": "wouldAdd",
        "would change": "wouldChange",
        "would leave": "wouldLeave",
        "invoices to fetch": "invoicesToFetch",
        "calls forecast": "callsForecast",
        "calls needed": "callsNeeded",
        "calls made now": "apiCalls",
    }
    for header in names:
        table.add_column(header, justify="right")
    for report in reports:
        figures = [_number(report.stats, name) for name in names.values()]
        table.add_row(str(report.merchant_id), report.outcome, *figures)
    return table


def status_table(rows: Sequence[Any], *, now: datetime) -> Table:
    """One row per merchant, of `merchant_states`."""
    table = new_table("merchant", "name", "state", "last success", "last outcome", "certificate")
    for header in ("may change", "quarantined", "waiting"):
        table.add_column(header, justify="right")
    table.add_column("running")
    for row in rows:
        table.add_row(
            str(row.merchant_id),
            row.name,
            state_of(row),
            age(row.last_success_at, now=now),
            outcome_of(row),
            row.last_verdict or NOTHING,
            NOTHING if row.open_each_sync is None else str(sum(open_set_of(row).values())),
            str(row.quarantined or 0),
            f"{row.waiting}, unanswered" if row.unanswered else str(row.waiting),
            (row.running_phase or NOTHING).replace("_", " "),
        )
    return table


def outcome_of(row: Any) -> str:
    """How the last sync ended; where the vendor asked for fewer calls, until when nothing is asked."""
    if row.resumes_at is None:
        return row.last_outcome or NOTHING
    return f"{row.last_outcome} until {row.resumes_at:%Y-%m-%d %H:%M} UTC"


def open_set_of(row: Any) -> dict[str, int]:
    """Payments that may still change, by how often they are read again; as of the last sync."""
    return {
        "each_sync": row.open_each_sync or 0,
        "daily": row.open_daily or 0,
        "weekly": row.open_weekly or 0,
    }


def certificates_table(made: Sequence[Mapping[str, object]]) -> Table:
    """One row per stream: what MX says it has, against what we hold."""
    table = new_table("stream", "scope", "basis", "verdict")
    for header in ("MX's count", "our count", "MX's sum", "our sum"):
        table.add_column(header, justify="right")
    table.add_column("made at")
    for one in made:
        names = ("source_count", "our_count", "source_sum", "our_sum")
        table.add_row(
            *(str(one[name]) for name in ("stream", "scope", "basis", "verdict")),
            *(NOTHING if one[name] is None else str(one[name]) for name in names),
            _minute(one["made_at"]),
        )
    return table


def checks_table(checks: Mapping[str, Mapping[str, object]]) -> Table:
    """One row per check of one merchant."""
    table = new_table("check", "verdict", "what was found")
    for name, one in checks.items():
        table.add_row(name.replace("_", " "), "passes" if one["passed"] else "FAILS", str(one["words"]))
    return table


def merchants_table(merchants: Sequence[Merchant]) -> Table:
    """One row per merchant, without its key."""
    table = new_table("merchant", "name", "environment", "time zone", "interval", "state")
    for merchant in merchants:
        table.add_row(
            str(merchant.merchant_id),
            merchant.name,
            merchant.environment,
            merchant.timezone,
            "as scheduled" if merchant.interval_minutes is None else f"{merchant.interval_minutes} min",
            state_of(merchant),
        )
    return table


def quarantine_table(held: Sequence[Mapping[str, object]]) -> Table:
    """One row per record that could not be taken in."""
    table = new_table("merchant", "stream", "record", "reason", "tries", "last try")
    for one in held:
        table.add_row(
            str(one["merchant_id"]),
            str(one["stream"]).replace("_", " "),
            str(one["mx_id"] or NOTHING),
            str(one["reason"]),
            str(one["attempts"]),
            _minute(one["last_seen_at"]),
        )
    return table


def audit_table(events: Sequence[Any]) -> Table:
    """One row per event of the audit log."""
    table = new_table("merchant", "entry", "when (UTC)", "who", "did", "to", "detail")
    for event in events:
        table.add_row(
            str(event.merchant_id or "platform"),
            str(event.entry),
            event.at.isoformat(" ", "seconds").removesuffix("+00:00"),
            event.actor,
            event.action,
            event.subject or NOTHING,
            ", ".join(f"{name} {value}" for name, value in event.detail.items()) or NOTHING,
        )
    return table


def sql_logins_table(rows: Sequence[Any]) -> Table:
    """One row per login and merchant that it reads."""
    table = new_table("login", "merchant", "reads as", "names", "until", "state", "given by")
    for row in rows:
        table.add_row(
            row.login,
            str(row.merchant_id),
            row.kind,
            "yes" if row.sees_names else "no",
            NOTHING if row.expires_at is None else str(row.expires_at.date()),
            "active" if row.is_active else "ended",
            row.granted_by,
        )
    return table


def meter_table(days: Sequence[MeterDay]) -> Table:
    """One row per day of the merchant, newest first."""
    table = new_table("day")
    for header in ("first seen by webhook", "by polling"):
        table.add_column(header, justify="right")
    for one in days:
        table.add_row(one.day.isoformat(), str(one.by_webhook), str(one.by_polling))
    return table


def state_of(merchant: HasState) -> str:
    """Whether it is synced, and if not, who stopped it."""
    if not merchant.is_active:
        return "paused"
    return "active" if merchant.credentials_refused_at is None else "key refused"


def age(at: datetime | None, *, now: datetime) -> str:
    """How long ago, in the largest unit that fits."""
    if at is None:
        return "never"
    seconds = max(0, int((now - at).total_seconds()))
    for size, word in SECONDS_IN_WORDS:
        if seconds >= size:
            return f"{seconds // size} {word} ago"
    return f"{seconds} s ago"


def new_table(*headers: str) -> Table:
    """Columns of text."""
    table = Table(box=SIMPLE_HEAD)
    for header in headers:
        table.add_column(header)
    return table


def _minute(moment: object) -> str:
    return str(moment)[: len("2026-03-01T12:00")].replace("T", " ")


def _number(stats: Mapping[str, Stat], name: str) -> str:
    value = stats.get(name)
    return NOTHING if value is None else str(value)


def _certificate(report: SyncReport) -> str:
    if not report.certificates:
        return NOTHING
    others = [f"{made.stream} {made.verdict}" for made in report.certificates if made.verdict != "agrees"]
    return ", ".join(others) or "agrees"
