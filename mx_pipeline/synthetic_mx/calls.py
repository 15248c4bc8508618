"""
Who asked for what: counts, the latest request lines, and how many were in flight at once.
"""

import time
from collections import Counter, deque
from typing import Any, Final

LINES_KEPT: Final = 5_000


class CallLog:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._counts: Counter[tuple[int | None, str, int]] = Counter()
        self._lines: deque[tuple[int, int | None, str, int, str, float]] = deque(maxlen=LINES_KEPT)
        self._number = 0
        self.in_flight = getattr(self, "in_flight", 0)
        self.most_in_flight = self.in_flight

    def begin(self) -> None:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self, merchant_id: int | None, endpoint: str, status: int, request: str) -> None:
        self.in_flight -= 1
        self._number += 1
        self._counts[merchant_id, endpoint, status] += 1
        self._lines.append((self._number, merchant_id, endpoint, status, request, time.time()))

    def count(self, merchant_id: int | None = None, endpoint: str | None = None) -> int:
        return sum(
            n
            for (merchant, name, _), n in self._counts.items()
            if merchant_id in (None, merchant) and endpoint in (None, name)
        )

    def told(self, merchant_id: int | None = None) -> dict[str, Any]:
        """For one merchant or all: `merchant_id` null is a request that named no merchant we know."""
        return {
            "total": self.count(merchant_id),
            "most_in_flight": self.most_in_flight,
            "counts": [
                {"merchant_id": merchant, "endpoint": endpoint, "status": status, "count": n}
                for (merchant, endpoint, status), n in self._counts.items()
                if merchant_id in (None, merchant)
            ],
            "requests": [
                {
                    "number": number,
                    "merchant_id": merchant,
                    "endpoint": endpoint,
                    "status": status,
                    "request": request,
                    "answered_at": answered_at,
                }
                for number, merchant, endpoint, status, request, answered_at in self._lines
                if merchant_id in (None, merchant)
            ],
        }
