"""
Joins a process's budgets with those of all others, through the warehouse.

One thread per process carries the news, about once a second and at once when something got worse. No
call to the vendor ever waits for the database, and while that is away each process goes on with what it knows.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from mx_pipeline.errors import MxPipelineError, WarehouseError
from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.mx_api.merchant_gate import MerchantGate
from mx_pipeline.mx_api.pacing import Pace, Quota
from mx_pipeline.mx_api.shared_budget import SharedBudget
from mx_pipeline.mx_api.standing import Standing
from mx_pipeline.warehouse.budgets import (
    calls_today,
    claim_probe,
    leave_budget,
    refresh_budget,
    start_budget,
    tell_budget,
)
from mx_pipeline.warehouse.connections import Session, Tenant, Warehouse
from mx_pipeline.warehouse.merchant_limits import MerchantLimits, get_limits

logger = logging.getLogger(__name__)

START_IN_FLIGHT = 8
START_IN_PRODUCTION = 4
"""A production credential's very first sync."""
REFRESH_SECONDS = 1.0
SETTLE_SECONDS = 1.25
"""After that everyone who shared before has learned of the newcomer."""
USAGE_SECONDS = 3.0
"""A process that is killed takes at most so long a time's calls with it uncounted."""

Keep = Callable[[], None]


@dataclass
class _Shared:
    """One credential that this process uses."""

    credential: str
    budget: SharedBudget
    ceiling: int
    holder: str = field(default_factory=lambda: secrets.token_hex(16))
    users: int = 0
    """Gates of this process."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    has_left: bool = False


class SharedBudgets:
    """Thread-safe; the thread lives while a gate is open."""

    def __init__(self, warehouse: Warehouse, limits: CallLimits) -> None:
        """`warehouse`: as the loader."""
        self._warehouse, self._limits = warehouse, limits
        self._lock = threading.Lock()
        self._shared = dict[str, _Shared]()
        self._usage = set[Keep]()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def gate(
        self, merchant_id: int, credential: str, *, environment: str, keep_usage: Keep
    ) -> Generator[MerchantGate]:
        """A merchant's gate, for the length of a sync; `keep_usage` is called every few seconds meanwhile.

        Raises WarehouseError where the budget cannot be joined.
        """
        with self._warehouse.merchant(merchant_id) as tenant:
            limits = get_limits(tenant)
            quota = _quota(tenant, limits)
            shared = self._join(tenant, credential, limits.calls_in_flight, environment)
        pace = Pace(calls_per_second=limits.calls_per_second, delay_seconds=limits.delay_seconds)
        gate = MerchantGate(shared.budget, ceiling=limits.calls_in_flight, pace=pace, quota=quota)
        with self._lock:
            self._usage.add(keep_usage)
        try:
            yield gate
        finally:
            with self._lock:
                self._usage.discard(keep_usage)
            self._leave(shared)

    def _join(self, session: Session, credential: str, ceiling: int, environment: str) -> _Shared:
        with self._lock:
            shared = self._shared.get(credential)
            if shared is None:
                start = START_IN_PRODUCTION if environment == "production" else START_IN_FLIGHT
                budget = SharedBudget(
                    self._limits, start=min(start, ceiling), ceiling=ceiling, on_news=self._woken.set
                )
                shared = _Shared(credential, budget, ceiling)
                start_budget(session, credential, start=min(start, ceiling))
                standing = _standing(session, shared)
                budget.learn(standing)
                if standing.users > 1:
                    budget.hold(SETTLE_SECONDS)
                self._shared[credential] = shared
            shared.users += 1
            shared.ceiling = max(shared.ceiling, ceiling)
            if self._thread is None:
                self._thread = threading.Thread(target=self._carry_news, name="shared-budgets", daemon=True)
                self._thread.start()
        return shared

    def _leave(self, shared: _Shared) -> None:
        with self._lock:
            shared.users -= 1
            if shared.users:
                return
            del self._shared[shared.credential]
            self._woken.set()
        # Where the database is gone, the sign of life runs out by itself.
        with shared.lock, suppress(WarehouseError), self._warehouse.everyone() as session:
            shared.has_left = True
            _tell(session, shared)
            leave_budget(session, shared.credential, holder=shared.holder)

    def _carry_news(self) -> None:
        usage_at = time.monotonic() + USAGE_SECONDS
        while True:
            self._woken.wait(REFRESH_SECONDS)
            self._woken.clear()
            with self._lock:
                shared = list(self._shared.values())
                usage = list(self._usage)
                if not shared:
                    self._thread = None
                    return
            for one in shared:
                _quietly(lambda one=one: self._exchange(one), "the budget could not be shared")
            if time.monotonic() >= usage_at:
                for keep in usage:
                    _quietly(keep, "the calls so far could not be counted")
                usage_at = time.monotonic() + USAGE_SECONDS

    def _exchange(self, shared: _Shared) -> None:
        with shared.lock, self._warehouse.everyone() as session:
            if shared.has_left:
                return
            _tell(session, shared)
            cool_down = shared.budget.cool_down_seconds
            if shared.budget.wants_probe and claim_probe(
                session, shared.credential, cool_down_seconds=cool_down
            ):
                shared.budget.grant_probe()
            shared.budget.learn(_standing(session, shared))


def _tell(session: Session, shared: _Shared) -> None:
    news = shared.budget.news()
    if not news.is_any:
        return
    try:
        tell_budget(
            session,
            shared.credential,
            ceiling=shared.ceiling,
            grown=news.grown,
            halved_to=news.halved_to,
            pause_seconds=news.pause_seconds,
            turn=news.turn,
            failed_probes=news.failed_probes,
        )
    except WarehouseError:
        shared.budget.give_back(news)
        raise


def _standing(session: Session, shared: _Shared) -> Standing:
    row = refresh_budget(session, shared.credential, holder=shared.holder)
    if row is None:  # somebody emptied the table
        start_budget(session, shared.credential, start=shared.budget.level)
        return Standing(level=shared.budget.level)
    return Standing(
        level=row.level,
        users=row.others + 1,
        rank=row.rank,
        pause_seconds=row.pause_seconds,
        open_seconds=row.open_seconds,
        failed_probes=row.failures,
    )


def _quota(tenant: Tenant, limits: MerchantLimits) -> Quota | None:
    if limits.calls_per_day is None:
        return None
    used, seconds_left = calls_today(tenant)
    return Quota(limits.calls_per_day, used=used, resets_at=time.monotonic() + seconds_left)


def _quietly(what: Callable[[], None], trouble: str) -> None:
    try:
        what()
    except MxPipelineError as error:
        logger.warning(trouble, extra={"code": error.code})
