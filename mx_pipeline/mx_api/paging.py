"""
Walks a list that changes while it is read: none missed, none doubled, no call more than needed.

The vendor documents neither the largest page nor the order, and `recordCount` is advice (`mx_api.md` 9).
So the walk advances by what came, never by what was asked; re-reads the rows that moved up when the count
shrank, and the top when it grew; and believes the count only as long as the rows do not contradict it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from mx_pipeline.errors import BadInput, MxContractBroken
from mx_pipeline.mx_api.arrivals import Arrivals
from mx_pipeline.mx_api.met import Met
from mx_pipeline.mx_api.page import Ask, Page
from mx_pipeline.mx_api.reading_ahead import ReadingAhead
from mx_pipeline.records import Further, Invoice, Payment, RefusedRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mx_pipeline.mx_api.envelope import Envelope

R = TypeVar("R", bound=Payment | Invoice | Further)

STEPS_BACK_AT_MOST = 3
REPEATS_AT_MOST = 1
"""As often may a page bring nothing but what the one before it brought."""


def nothing_follows() -> None:
    """Nobody waits for the end of the list."""


class Pages(Generic[R]):
    """One walk. It may be iterated again after an error: it goes on where it stopped."""

    def __init__(
        self,
        fetch: Callable[[Ask], Envelope],
        read: Callable[[object], R | RefusedRecord],
        *,
        page_size: int,
        limit: int | None,
        offset: int,
        pages_ahead: int = 0,
        on_end: Callable[[], None] = nothing_follows,
    ) -> None:
        """`limit`: stop after that many distinct records, refused ones included; `offset`: start there.

        `pages_ahead`: so many may be asked for before they are wanted; for a list that is read to its end.
        `on_end`: called when what seems to be the last page has come and is not read yet, maybe from another thread,
        and again where it was not the last; must be quick.
        """
        if page_size < 1 or offset < 0 or (limit is not None and limit < 0):
            raise BadInput("A page size is 1 or more, a limit and an offset are 0 or more.")
        self._fetch, self._read = fetch, read
        self._page_size, self._limit = page_size, limit
        self._start, self._pages_ahead, self._on_end = offset, pages_ahead, on_end
        self._ahead: ReadingAhead[tuple[Envelope, list[R | RefusedRecord]]] | None = None
        self.offset = offset
        """Where the walk goes on; give it to a later walk to resume."""
        self.record_count: int | None = None
        """The latest that was told."""
        self.first_record_count: int | None = None
        self.calls = 0
        """Answers taken; retries are told to `on_call` only."""
        self._met = Met[R]()
        self._arrivals = Arrivals(page_size, is_resumed=offset > 0)
        self._largest = 0
        self._is_walked = limit == 0
        self._is_count_wrong = False
        self._overlap: tuple[int, int] | None = None
        self._steps_back = 0
        self._first_id: int | None = None
        self._repeats = 0

    def begin(self) -> None:
        """Ask for the first page now, and wait for nothing; it is taken where the walk begins. `close` ends that."""
        first = self._next_ask()
        if self._ahead is None and first is not None:
            self._ahead = ReadingAhead(self._answer, max(1, self._pages_ahead))
            self._ahead.expect([first])

    def close(self) -> None:
        """Nothing of a walk that was begun and not gone on with is under way any more."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.close()

    @property
    def distinct(self) -> int:
        """Different records met so far, refused ones included."""
        return len(self._met)

    def __iter__(self) -> Iterator[Page[R]]:
        """Page by page, newest first as the vendor sends them."""
        begun, self._ahead = self._ahead, None
        with begun or ReadingAhead(self._answer, self._pages_ahead) as ahead:
            while ask := self._next_ask():
                envelope, records = ahead.answer(ask)
                count_before = self.record_count
                page = self._take(ask, envelope, records)
                if count_before not in (None, self.record_count):
                    ahead.forget()
                ahead.expect(self._asks_to_come(ask))
                yield page

    def _answer(self, ask: Ask) -> tuple[Envelope, list[R | RefusedRecord]]:
        envelope = self._fetch(ask)
        came_to = ask.offset + len(envelope.rows)
        if ask.purpose == "walk" and envelope.record_count is not None and came_to >= envelope.record_count:
            self._on_end()
        return envelope, [self._read(row) for row in envelope.rows]

    def _asks_to_come(self, ask: Ask) -> list[Ask]:
        """What the walk will want if the list stays as it is: one page at first, then more, as trust grows."""
        if ask.purpose != "walk" or self._overlap or self._is_walked or self._limit is not None:
            return []
        count = 0 if self._is_count_wrong else self.record_count or 0
        offsets = range(self.offset, count, max(self._largest, 1))[
            : min(self._pages_ahead, max(1, self.calls - 1))
        ]
        return [Ask("walk", offset, self._page_size) for offset in offsets]

    def _next_ask(self) -> Ask | None:
        if self._overlap:
            start, end = self._overlap
            return Ask("overlap", start, min(self._page_size, end - start))
        if not self._is_walked and self._still_wanted() > 0:
            return Ask("walk", self.offset, min(self._page_size, self._still_wanted()))
        return self._arrivals.next_ask()

    def _still_wanted(self) -> int:
        return self._page_size if self._limit is None else self._limit - self.distinct

    def _take(self, ask: Ask, envelope: Envelope, records: list[R | RefusedRecord]) -> Page[R]:
        received = len(envelope.rows)
        notes = envelope.notes
        wanted = self._still_wanted() if ask.purpose == "walk" and self._limit is not None else received
        new, known, first_id = self._met.new_of(records, wanted)
        self.calls += 1
        self._largest = max(self._largest, received)
        grown, shrunk = self._note_count(ask, envelope.record_count)

        match ask.purpose:
            case "walk":
                notes += self._advance(ask, received, envelope.record_count)
                self._forbid_repeats(ask, first_id, is_old_news=not new and grown < received)
            case "overlap":
                # Rows of the overlap that arrivals have pushed down are now below its end.
                self._close_overlap(received, pushed_down=grown)
            case "top":
                self._arrivals.came(ask, received, new, known, shrunk=shrunk)
        if shrunk:
            notes += self._step_back(ask, shrunk)

        return Page(
            offset=ask.offset,
            records=tuple(record for record in new if not isinstance(record, RefusedRecord)),
            refused=tuple(record for record in new if isinstance(record, RefusedRecord)),
            received=received,
            record_count=envelope.record_count,
            sent_at=envelope.sent_at,
            is_last=self._next_ask() is None,
            notes=notes,
        )

    def _note_count(self, ask: Ask, count: int | None) -> tuple[int, int]:
        """By how much the list grew and shrank since the answer before; growth is remembered for the end."""
        before, self.record_count = self.record_count, self.record_count if count is None else count
        if self.first_record_count is None:
            self.first_record_count = count
        if count is None or before is None:
            return 0, 0
        grown, shrunk = max(0, count - before), max(0, before - count)
        # The answer that reads the top itself already holds what it says has come.
        if ask.purpose != "top" or ask.offset > 0:
            self._arrivals.grew(grown)
        return grown, shrunk

    def _advance(self, ask: Ask, received: int, count: int | None) -> tuple[str, ...]:
        self.offset += received
        notes: tuple[str, ...] = ()
        if count is not None and received and self.offset > count and not self._is_count_wrong:
            self._is_count_wrong = True
            notes = (f"recordCount says {count}, but {self.offset} rows came",)
        if received == 0 or self._still_wanted() <= 0:
            self._is_walked = True
        elif count is not None and not self._is_count_wrong:
            self._is_walked = self.offset >= count
        else:
            self._is_walked = received < min(self._largest, ask.limit)
        return notes

    def _forbid_repeats(self, ask: Ask, first_id: int | None, *, is_old_news: bool) -> None:
        is_repeat = (
            ask.offset > self._start and first_id is not None and first_id == self._first_id and is_old_news
        )
        self._repeats = self._repeats + 1 if is_repeat else 0
        self._first_id = first_id
        is_end_doubtful = self._is_walked and self._repeats and self.distinct < (self.record_count or 0)
        if self._repeats >= REPEATS_AT_MOST or is_end_doubtful:
            raise MxContractBroken(
                f"The list repeats its rows at offset {ask.offset}: MX ignores `offset`, so it cannot be read whole. "
                "Tell the maintainers."
            )

    def _step_back(self, ask: Ask, shrunk: int) -> tuple[str, ...]:
        """Rows that were further down moved up past us: read again where they may be now."""
        if ask.purpose == "top":
            self._arrivals.shrank(shrunk)
            return ()
        if self._steps_back >= STEPS_BACK_AT_MOST:
            return ("recordCount shrank more often than rows were re-read; some may be missing",)
        self._steps_back += 1
        self._first_id = None
        end = ask.offset
        if ask.purpose == "overlap":
            end = self.offset = max(self._start, self.offset - shrunk)
        end = min(end, self.record_count or 0)
        start = max(self._start, ask.offset - shrunk)
        self._overlap = (start, end) if start < end else self._overlap
        return ()

    def _close_overlap(self, received: int, *, pushed_down: int) -> None:
        assert self._overlap is not None
        start, end = self._overlap
        end += pushed_down
        self._overlap = (start + received, end) if received and start + received < end else None
