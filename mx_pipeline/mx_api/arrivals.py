"""What comes at the top of a list while it is read: looked for when the walk has ended, from the top to a known row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mx_pipeline.mx_api.met import mx_id_of
from mx_pipeline.mx_api.page import Ask

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from mx_pipeline.records import Further, Invoice, Payment, RefusedRecord

TOP_READS_AT_MOST = 3


class Arrivals:
    """How much a list grew, and how far its top was read for that."""

    def __init__(self, page_size: int, *, is_resumed: bool) -> None:
        """`is_resumed`: of a walk that began further down, so that it may meet no known row at all."""
        self._page_size = page_size
        self._is_resumed = is_resumed
        self._grown = 0
        self._offset: int | None = None
        self._target = 0
        self._ids: set[int] = set()
        self._reads = 0

    def grew(self, rows: int) -> None:
        """So many rows have come."""
        self._grown += rows

    def shrank(self, rows: int) -> None:
        """While the top is read, what is below moves up."""
        if self._offset is not None:
            self._offset = max(0, self._offset - rows)

    def next_ask(self) -> Ask | None:
        """The next page from the top, as long as rows may be there that nobody has met."""
        if self._offset is not None:
            return Ask("top", self._offset, self._page_size)
        if self._grown > 0 and self._reads < TOP_READS_AT_MOST:
            # One more than grew, so that a known id ends it with the first call.
            return Ask("top", 0, min(self._page_size, self._grown + 1))
        return None

    def came(
        self,
        ask: Ask,
        received: int,
        new: Iterable[Payment | Invoice | Further | RefusedRecord],
        known: AbstractSet[int],
        *,
        shrunk: int,
    ) -> None:
        """Until a known id; what comes meanwhile is growth again, for another look."""
        # Rows that moved up just now may lie above the known one: not the end yet.
        is_known_met = not known <= self._ids and not shrunk
        self._ids.update(mx_id for each in new if (mx_id := mx_id_of(each)) is not None)
        if self._offset is None:
            self._reads += 1
            self._target, self._grown = self._grown, 0
        self._offset = ask.offset + received
        is_resumed_walk_caught_up = self._is_resumed and self._offset >= self._target
        if is_known_met or received == 0 or is_resumed_walk_caught_up:
            self._offset = None
            self._ids.clear()
