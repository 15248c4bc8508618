"""
Joins a process's budgets with those of all others, through the warehouse.

One thread per process carries the news, about once a second and at once when something got worse. No
call to the vendor ever waits for the database, and while that is away each process goes on with what it knows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from mx_pipeline.errors import MxPipelineError
from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.mx_api.merchant_gate import MerchantGate
from mx_pipeline.mx_api.pacing import Pace, Quota
from mx_pipeline.mx_api.shared_budget import SharedBudget
from mx_pipeline.sync.joined_credential import JoinedCredential
from mx_pipeline.warehouse.budgets import calls_today
from mx_pipeline.warehouse.connections import Session, Tenant, Warehouse
from mx_pipeline.warehouse.merchant_limits import MerchantLimits, get_limits
from mx_pipeline.warehouse.patience import patiently

logger = logging.getLogger(__name__)

START_IN_FLIGHT = 8
START_IN_PRODUCTION = 4
"""A production credential's very first sync."""
REFRESH_SECONDS = 1.0
USAGE_SECONDS = 3.0
"""A process that is killed takes at most so long a time's calls with it uncounted."""

Keep = Callable[[], None]


class SharedBudgets:
    """Thread-safe; the thread lives while a gate is open."""

    def __init__(self, warehouse: Warehouse, limits: CallLimits) -> None:
        """`warehouse`: as the loader."""
        self._warehouse, self._limits = warehouse, limits
        self._lock = threading.Lock()
        self._shared = dict[str, JoinedCredential]()
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
        shared: JoinedCredential | None = None

        def join(tenant: Tenant) -> tuple[MerchantLimits, Quota | None, JoinedCredential]:
            nonlocal shared
            limits = get_limits(tenant)
            quota = _quota(tenant, limits)
            # Once in this process, however often the transaction is tried.
            shared = shared or self._join(tenant, credential, limits.calls_in_flight, environment)
            return limits, quota, shared

        try:
            limits, quota, ours = patiently(self._warehouse, merchant_id, join)
            with self._lock:
                self._usage.add(keep_usage)
            pace = Pace(calls_per_second=limits.calls_per_second, delay_seconds=limits.delay_seconds)
            yield MerchantGate(ours.budget, ceiling=limits.calls_in_flight, pace=pace, quota=quota)
        finally:
            with self._lock:
                self._usage.discard(keep_usage)
            if shared is not None:
                self._leave(shared)

    def _join(self, session: Session, credential: str, ceiling: int, environment: str) -> JoinedCredential:
        with self._lock:
            shared = self._shared.get(credential)
            if shared is None:
                start = START_IN_PRODUCTION if environment == "production" else START_IN_FLIGHT
                budget = SharedBudget(
                    self._limits, start=min(start, ceiling), ceiling=ceiling, on_news=self._woken.set
                )
                shared = JoinedCredential(credential, budget, ceiling)
                shared.join(session)
                self._shared[credential] = shared
            shared.users += 1
            shared.ceiling = max(shared.ceiling, ceiling)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._carry_news, name="shared-budgets", daemon=True)
                self._thread.start()
        return shared

    def _leave(self, shared: JoinedCredential) -> None:
        with self._lock:
            shared.users -= 1
            if shared.users:
                return
            del self._shared[shared.credential]
            self._woken.set()
        shared.leave(self._warehouse)

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
                _quietly(lambda one=one: one.exchange(self._warehouse), "the budget could not be shared")
            if time.monotonic() >= usage_at:
                for keep in usage:
                    _quietly(keep, "the calls so far could not be counted")
                usage_at = time.monotonic() + USAGE_SECONDS


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
