"""
A merchant's payments (or invoices) in order of creation: computed, placed by hand, less those removed.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from typing import Generic, TypeVar

from mx_pipeline.synthetic_mx.facts import Invoice, Payment

Record = TypeVar("Record", Payment, Invoice)


class Book(Generic[Record]):
    """
    Positions count from the oldest record. Order is (created, id).

    The computed records are never held: `told(first, stop)` computes a run of them, `created(place)` an
    instant.
    """

    def __init__(
        self,
        *,
        told: Callable[[int, int], list[Record]],
        created: Callable[[int], int],
        place_of: Callable[[int], int | None],
        told_count: Callable[[], int],
    ) -> None:
        self._told = told
        self._created = created
        self._place_of = place_of
        self._told_count = told_count
        self._changed: dict[int, Record] = {}
        self._placed: list[tuple[int, int]] = []
        self._placed_below: list[int] = []
        self._removed: list[int] = []

    @property
    def count(self) -> int:
        return self._told_count() - len(self._removed) + len(self._placed)

    def find(self, record_id: int) -> Record | None:
        changed = self._changed.get(record_id)
        if changed is not None:
            return changed
        place = self._place_of(record_id)
        if place is None or self._is_removed(place):
            return None
        return self._told(place, place + 1)[0]

    def put(self, record: Record) -> None:
        """Add this record, or let it replace the one with its id."""
        current = self.find(record.id)
        if current is not None and current.created != record.created:
            self.remove(record.id)
            current = None
        if current is None:
            insort(self._placed, (record.created, record.id))
            self.recount()
        self._changed[record.id] = record

    def remove(self, record_id: int) -> None:
        record = self.find(record_id)
        if record is None:
            raise KeyError(record_id)
        at = (record.created, record_id)
        spot = bisect_left(self._placed, at)
        if spot < len(self._placed) and self._placed[spot] == at:
            del self._placed[spot]
        else:
            place = self._place_of(record_id)
            assert place is not None
            insort(self._removed, place)
        self._changed.pop(record_id, None)
        self.recount()

    def recount(self) -> None:
        """Count anew the computed records older than each placed one, after some were added."""
        below: list[int] = []
        for created, _ in self._placed:
            place = self._first_told_at(created)
            below.append(place - bisect_left(self._removed, place))
        self._placed_below = below

    def position_of(self, instant: int) -> int:
        """How many records are older than this instant."""
        place = self._first_told_at(instant)
        return place - bisect_left(self._removed, place) + bisect_left(self._placed, (instant, -(1 << 70)))

    def run(self, start: int, stop: int) -> list[Record]:
        """The records at these positions, oldest first."""
        start, stop = max(0, start), min(stop, self.count)
        records: list[Record] = []
        # The k-th placed record stands at position below[k] + k.
        spot = bisect_left(range(len(self._placed)), start, key=lambda k: self._placed_below[k] + k)
        position = start
        while position < stop:
            if spot < len(self._placed) and self._placed_below[spot] + spot == position:
                records.append(self._changed[self._placed[spot][1]])
                spot += 1
                position += 1
                continue
            until = stop if spot >= len(self._placed) else min(stop, self._placed_below[spot] + spot)
            records.extend(self._told_run(position - spot, until - spot))
            position = until
        return records

    def _told_run(self, start: int, stop: int) -> list[Record]:
        """Computed records that are not removed, numbered among themselves."""
        if not self._removed:
            return self._with_changes(self._told(start, stop))
        first, last = self._told_place(start), self._told_place(stop - 1) + 1
        gone = set(self._removed[bisect_left(self._removed, first) : bisect_left(self._removed, last)])
        kept = [r for at, r in enumerate(self._told(first, last), first) if at not in gone]
        return self._with_changes(kept)

    def _with_changes(self, records: list[Record]) -> list[Record]:
        if not self._changed:
            return records
        return [self._changed.get(record.id, record) for record in records]

    def _told_place(self, number: int) -> int:
        """The place of the computed record that has `number` unremoved ones before it."""
        skipped = bisect_right(range(len(self._removed)), number, key=lambda spot: self._removed[spot] - spot)
        return number + skipped

    def _is_removed(self, place: int) -> bool:
        spot = bisect_left(self._removed, place)
        return spot < len(self._removed) and self._removed[spot] == place

    def _first_told_at(self, instant: int) -> int:
        return bisect_left(range(self._told_count()), instant, key=self._created)
