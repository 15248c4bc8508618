"""One merchant's way through its credential's budget, with the limits that are the merchant's own."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mx_pipeline.mx_api.pacing import Pace, Quota

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from mx_pipeline.mx_api.budget import Budget
    from mx_pipeline.mx_api.calls import Call


class MerchantGate:
    """A `Gate`; it is its own slot, for a slot has nothing to remember."""

    def __init__(
        self, budget: Budget, *, ceiling: int, pace: Pace | None = None, quota: Quota | None = None
    ) -> None:
        """`ceiling`: of this merchant's calls in flight, whatever the budget would allow."""
        self.budget = budget
        self.pace = pace or Pace()
        self.quota = quota
        self.in_flight = 0
        """Guarded by the budget's lock, as are pace and quota."""
        self._ceiling = ceiling
        budget.admit(ceiling)

    @property
    def ceiling(self) -> int:
        """More of this merchant's requests are never in flight."""
        return self._ceiling

    def slot(self) -> MerchantGate:
        """Wait on entering. Raises MxRateLimited or MxOutage where that would take too long."""
        return self

    def take_now(self) -> Callable[[], object] | None:
        """A place where there is one at once, as what gives it back."""
        return self._give if self.budget.take_now(self) else None

    def _give(self) -> None:
        self.budget.give(self)

    def __enter__(self) -> Self:
        """Wait for a place."""
        self.budget.take(self)
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self.budget.give(self)

    def is_spent(self, now: float) -> bool:
        """Whether the next call would be one more than the quota."""
        return (
            self.quota is not None
            and self.quota.used >= self.quota.calls_per_day
            and now < self.quota.resets_at
        )

    def begin(self, now: float) -> None:
        """A call goes out. Raises MxRateLimited where the quota is used up."""
        if self.quota is not None:
            self.quota.begin(now)
        self.pace.begin(now)
        self.in_flight += 1

    def resumes_in(self) -> float:
        """Seconds until this merchant's next call may go out; 0 where it may now."""
        now = time.monotonic()
        spent = self.quota.resets_at - now if self.quota and self.is_spent(now) else 0.0
        return max(self.budget.resumes_in(), spent)

    def saw(self, call: Call) -> None:
        """Learn from how a request ended."""
        self.budget.saw(call)

    def outlasts(self) -> bool:
        """Whether there is an outage that is still worth waiting for."""
        return self.budget.outlasts()
