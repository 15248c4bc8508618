"""What one running sync carries from phase to phase: its two wings, its scope, its counts."""

from __future__ import annotations

import threading
import time
from array import array
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias, TypeVar

from mx_pipeline.errors import WarehouseUnavailable
from mx_pipeline.mx_api.calls import Call
from mx_pipeline.mx_api.client import MxClient
from mx_pipeline.mx_api.seen import SeenIds
from mx_pipeline.records import RefusedRecord
from mx_pipeline.spans import span
from mx_pipeline.sync.orders import Certificate, Phase, Stat, SyncOrder
from mx_pipeline.sync.progress import Progress
from mx_pipeline.sync.stopping import StopSign
from mx_pipeline.warehouse.connections import Opening, Tenant, Warehouse
from mx_pipeline.warehouse.deriving import EnrichedFacts, PaymentIds
from mx_pipeline.warehouse.loading import Merged
from mx_pipeline.warehouse.patience import commit_once
from mx_pipeline.warehouse.rows import page_json

T = TypeVar("T")
Facts: TypeAlias = tuple[EnrichedFacts, dict[str, int]]
"""What the statistics say of some payments: counts, and why the unlinked ones are."""

EARLY = {
    Phase.PAYMENTS: (Phase.INVOICE_MAP, "invoice_list"),
    Phase.INVOICE_MAP: (Phase.INVOICE_DETAILS, "invoice_detail"),
}
"""In which phase such calls are made already for the next one."""
MOST_NOTES = 20
"""More than a person reads; the rest is in quarantine and in the certificate."""


@dataclass(frozen=True)
class DatabaseClock:
    """The database's clock, read once and carried on by this machine's monotonic one.

    Observations of several machines are ordered by it, and a jump of the wall clock does not touch it.
    """

    base: datetime
    monotonic: float

    def at(self, monotonic: float) -> datetime:
        """The database's time at that moment of `time.monotonic()`."""
        return self.base + timedelta(seconds=monotonic - self.monotonic)


@dataclass
class CallCount:
    """Counts the calls of one run, by endpoint and outcome; told from any thread."""

    calls: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    vendor_clock: tuple[str, float] | None = None
    """The Date of the latest answer, and when it was heard on the monotonic clock."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: Call, /) -> None:
        """Take note of one HTTP request."""
        with self._lock:
            self.calls[call.endpoint, call.outcome] += 1
            if call.date:
                self.vendor_clock = call.date, time.monotonic()

    @property
    def total(self) -> int:
        """All requests sent, retries among them."""
        return sum(self.calls.values())

    def to(self, endpoint: str) -> int:
        """Requests sent to one endpoint."""
        return sum(calls for (asked, _), calls in self.calls.items() if asked == endpoint)


@dataclass
class ListRead:
    """What the walk over one of the vendor's lists met."""

    met: SeenIds = field(default_factory=SeenIds)
    refused: SeenIds = field(default_factory=SeenIds)
    """Listed, though they could not be taken in."""
    total: Decimal = Decimal(0)
    distinct: int = 0
    record_count: int | None = None
    is_read_to_end: bool = False
    is_resumed: bool = False
    """An earlier walk's pages were not read again, so this one alone has not met every record."""
    is_twice_the_same: bool = False
    """Two complete reads met the same records, whatever recordCount says."""
    sought: frozenset[int] = frozenset()
    """Invoice numbers for which the list is read, where it is not read for its own sake."""
    has_older_row: bool = False
    """A range is proven by a row beyond it, or by the list's own end."""

    def begin_anew(self) -> None:
        """What was met so far will be met again."""
        self.met, self.refused = SeenIds(), SeenIds()
        self.total, self.distinct = Decimal(0), 0


@dataclass
class Work:
    """One running sync. Its phases change it; nothing else does."""

    order: SyncOrder
    run_id: int
    client: MxClient
    warehouse: Warehouse
    token: int
    """Of the merchant's lease; a write with an older one is refused."""
    clock: DatabaseClock
    calls: CallCount
    payments: ListRead = field(default_factory=ListRead)
    invoices: ListRead = field(default_factory=ListRead)
    merged: dict[Phase, Merged] = field(default_factory=dict[Phase, Merged])
    details: Counter[str] = field(default_factory=Counter[str])
    """Single records asked for, by stream."""
    unknown_statuses: Counter[str] = field(default_factory=Counter[str])
    early_calls: Counter[Phase] = field(default_factory=Counter[Phase])
    """Those of a phase that were made before it."""
    refused: int = 0
    may_hold_aside: bool = True
    """Something may be in quarantine that is to be released when it is taken in."""
    denied: dict[str, frozenset[int]] = field(default_factory=dict[str, frozenset[int]])
    """Single records that MX denied not long before, by stream; of the streams that were looked at."""
    vanished: int = 0
    """Payments that MX lists no more."""
    notes: list[str] = field(default_factory=list[str])
    """What is missing from the warehouse, or unproven, in words for a person."""
    invoices_forbidden: bool = False
    is_database_gone: bool = False
    """Its whole patience was spent once; what is left to write is tried once."""
    certificates: list[Certificate] = field(default_factory=list[Certificate])
    facts: Facts | None = None
    """Of the payments that were met, for the statistics; None until the certificate was made."""
    phases_done: dict[Phase, dict[str, Stat]] = field(default_factory=dict[Phase, dict[str, Stat]])
    progress: Progress = field(default_factory=Progress)
    told_phase: Phase | None = None
    """The one that the run's row names, or will with the next write."""
    entering: Phase | None = None
    """It goes into the run's row with the next write: a transaction for nothing else would cost a flush."""
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    stop: StopSign = field(default_factory=StopSign)
    """Of this process: no further page once it is up."""
    is_interrupted: bool = False
    key_seen: str = ""
    """What the merchant's sealed key looked like at the last write."""

    def commit(
        self, what: Callable[[Tenant], T], *, closes: bool = False, opening: Opening | None = None
    ) -> T:
        """Run `what` in one transaction inside this merchant, and again as a whole where Postgres was busy or away.

        `what` may run several times, so it changes nothing but the database; `opening` as for `commit_once`.
        Raises LeaseLost, SyncStopped, SyncInterrupted, WarehouseError.
        """
        if not closes:
            self.stop.heed()
        patience = 0 if self.is_database_gone else None
        merchant_id, seen = self.order.merchant_id, [self.key_seen]
        entering = None if closes else self.entering

        def entered(tenant: Tenant) -> T:
            if entering is not None:
                told = {"phase": entering.value, "progress": self.progress.as_json()}
                tenant.run("sync", "enter_phase", run_id=self.run_id, **told)
            return what(tenant)

        try:
            done = commit_once(
                self.warehouse,
                merchant_id,
                self.token,
                entered,
                seconds=patience,
                closes=closes,
                opening=opening,
                held=lambda lease: seen.append(lease.key_seen),
            )
        except WarehouseUnavailable:
            self.is_database_gone = True
            raise
        self.entering = None
        if self.key_seen not in ("", seen[-1]) and not closes:
            self.client.renew_key()
        self.key_seen = seen[-1]
        return done

    @contextmanager
    def phase(self, phase: Phase) -> Generator[None]:
        """Run one phase, if it was ordered, and keep what it did; `phases_done` has it only when it ended well."""
        if phase is not self.told_phase:
            self.entering = self.told_phase = phase
        next_phase, endpoint = EARLY.get(phase, (None, ""))
        calls, early, began = self.calls.total, self.calls.to(endpoint), time.monotonic()
        self.merged.setdefault(phase, Merged())
        with span(f"phase {phase}", merchant_id=self.order.merchant_id, run_id=self.run_id) as told:
            yield
            merged = self.merged[phase]
            changed = {"inserted": merged.inserted, "updated": merged.updated, "unchanged": merged.unchanged}
            told.tell({"calls": self.calls.total - calls, **changed})
        calls = self.calls.total - calls + self.early_calls[phase]
        if next_phase is not None:
            self.early_calls[next_phase] = self.calls.to(endpoint) - early
            calls -= self.early_calls[next_phase]
        self.progress.ended(phase)
        self.seconds[phase.value] = round(time.monotonic() - began, 3)
        self.phases_done[phase] = {
            **changed,
            "calls": calls,
            "seconds": self.seconds[phase.value],
        }

    @property
    def scope(self) -> PaymentIds:
        """The payments that this sync speaks of; None means all of the merchant's."""
        return array("q", self.payments.met) if self.order.mode in ("latest", "range", "named") else None

    @property
    def met(self) -> PaymentIds:
        """The payments that the statistics count: those that this sync met; None means all of the merchant's."""
        read_the_list = Phase.PAYMENTS in self.order.phases
        is_all = self.order.mode == "full" or (self.scope is None and self.payments.is_read_to_end)
        return array("q", self.payments.met) if read_the_list and not is_all else None

    def observed_at(self, monotonic: float) -> datetime:
        """When something was asked for, by the database's clock."""
        return self.clock.at(monotonic)

    def add(self, phase: Phase, merged: Merged) -> None:
        """Count what a merge changed; details may come before their phase does."""
        self.merged[phase] = self.merged.get(phase, Merged()) + merged

    def keep_progress(self, tenant: Tenant, phase: Phase, *, done: int) -> None:
        """In the transaction of the rows that it counts: how many there are now, with those of that transaction."""
        if self.progress.is_worth_telling(phase, done):
            told = self.progress.as_json(phase, done)
            tenant.run("sync", "keep_progress", run_id=self.run_id, progress=told)

    def count_refused(self, refused: Sequence[RefusedRecord]) -> None:
        """Count what a committed page had to set aside."""
        self.refused += len(refused)
        self.may_hold_aside = self.may_hold_aside or bool(refused)
        for record in refused:
            self.note(f"{record.stream} {record.mx_id or '(no id)'} set aside: {record.reason}")

    def note(self, words: str) -> None:
        """Remember something that keeps this sync from being whole."""
        if len(self.notes) < MOST_NOTES:
            self.notes.append(words)

    def keep_calls(self, tenant: Tenant) -> None:
        """Write the calls of this run to `api_usage`."""
        counted = [
            {"endpoint": endpoint, "outcome": outcome, "calls": calls}
            for (endpoint, outcome), calls in sorted(self.calls.calls.items())
        ]
        tenant.run("sync", "count_calls", run_id=self.run_id, calls=page_json(counted))
