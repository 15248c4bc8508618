"""Which records a walk over a list has met, refused ones and those without a readable id among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from mx_pipeline.mx_api.decoding import id_of
from mx_pipeline.mx_api.seen import SeenIds
from mx_pipeline.records import Further, Invoice, Payment, RefusedRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

R = TypeVar("R", bound=Payment | Invoice | Further)


class Met(Generic[R]):
    """Grows page by page."""

    def __init__(self) -> None:
        """Nothing met yet."""
        self._seen = SeenIds()
        self._nameless = 0

    def __len__(self) -> int:
        """Different records met so far."""
        return len(self._seen) + self._nameless

    def new_of(
        self, records: Iterable[R | RefusedRecord], wanted: int
    ) -> tuple[list[R | RefusedRecord], set[int], int | None]:
        """The rows not met before, the ids that were, and the first id; of an id that comes twice the last row."""
        by_id: dict[int, R | RefusedRecord] = {}
        nameless: list[RefusedRecord] = []
        for record in records:
            mx_id = mx_id_of(record)
            if mx_id is not None:
                by_id[mx_id] = record
            elif isinstance(record, RefusedRecord):
                nameless.append(record)
        known = self._seen.known_of(by_id.keys())
        new_ids = [mx_id for mx_id in by_id if mx_id not in known][:wanted]
        nameless = nameless[: max(0, wanted - len(new_ids))]
        self._seen.add(new_ids)
        self._nameless += len(nameless)
        return [*(by_id[mx_id] for mx_id in new_ids), *nameless], known, next(iter(by_id), None)


def mx_id_of(record: Payment | Invoice | Further | RefusedRecord) -> int | None:
    """None where it could not be read."""
    return record.mx_id if isinstance(record, RefusedRecord) else id_of(record)
