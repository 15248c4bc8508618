"""One credential that this process uses, and its row in the warehouse, where all processes meet."""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from mx_pipeline.errors import WarehouseError
from mx_pipeline.mx_api.shared_budget import SharedBudget
from mx_pipeline.mx_api.standing import News, Standing
from mx_pipeline.warehouse.budgets import (
    claim_probe,
    leave_budget,
    refresh_budget,
    start_budget,
    tell_budget,
)
from mx_pipeline.warehouse.connections import Session, Warehouse

SETTLE_SECONDS = 1.25
"""After that everyone who shared before has learned of the newcomer."""


@dataclass
class JoinedCredential:
    """The budget is this process's; the row is everyone's."""

    credential: str
    budget: SharedBudget
    ceiling: int
    holder: str = field(default_factory=lambda: secrets.token_hex(16))
    users: int = 0
    """Gates of this process; guarded by the lock of whoever keeps them."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _has_left: bool = False

    def join(self, session: Session) -> None:
        """Share from now on. Raises WarehouseError."""
        start_budget(session, self.credential, start=self.budget.level)
        standing = self._standing(session)
        self.budget.learn(standing)
        if standing.users > 1:
            self.budget.hold(SETTLE_SECONDS)

    def exchange(self, warehouse: Warehouse) -> None:
        """Tell what is new here, ask for leave to probe where a call waits for it, learn what is new elsewhere."""
        budget = self.budget
        with self._lock:
            if self._has_left:
                return
            news = budget.news()
            try:
                with warehouse.everyone() as session:
                    self._tell(session, news)
                    may_probe = budget.wants_probe and claim_probe(
                        session, self.credential, cool_down_seconds=budget.cool_down_seconds
                    )
                    standing = self._standing(session)
            except WarehouseError:
                budget.give_back(news)
                raise
            if may_probe:
                budget.grant_probe()
        budget.learn(standing)

    def leave(self, warehouse: Warehouse) -> None:
        """Tell the last news, and share no more. Where the database is gone, the sign of life runs out by itself."""
        with self._lock, suppress(WarehouseError), warehouse.everyone() as session:
            self._has_left = True
            self._tell(session, self.budget.last_news())
            leave_budget(session, self.credential, holder=self.holder)

    def _tell(self, session: Session, news: News) -> None:
        if not news.is_any:
            return
        tell_budget(
            session,
            self.credential,
            ceiling=self.ceiling,
            grown=news.grown,
            halved_to=news.halved_to,
            pause_seconds=news.pause_seconds,
            turn=news.turn,
            failed_probes=news.failed_probes,
        )

    def _standing(self, session: Session) -> Standing:
        row = refresh_budget(session, self.credential, holder=self.holder)
        if row is None:  # somebody emptied the table
            start_budget(session, self.credential, start=self.budget.level)
            return Standing(level=self.budget.level)
        return Standing(
            level=row.level,
            users=row.others + 1,
            rank=row.rank,
            pause_seconds=row.pause_seconds,
            open_seconds=row.open_seconds,
            failed_probes=row.failures,
        )
