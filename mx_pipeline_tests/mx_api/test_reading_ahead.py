"""Pages asked for before they are wanted: as whole as one after another, and no call more while nothing changes."""

from __future__ import annotations

import random
import threading
import time

import pytest

from mx_pipeline.errors import MxForbidden
from mx_pipeline.mx_api import Pages
from mx_pipeline.mx_api.decoding import Decoding
from mx_pipeline.mx_api.envelope import Envelope
from mx_pipeline.mx_api.page import Ask
from mx_pipeline.records import Payment
from mx_pipeline_tests.mx_api.samples import FIRST_ID, OURS, a_payment

decoding = Decoding(Payment, stream="payments", merchant_id=OURS, keys_sent_once=())
KNOWN = [decoding.row(a_payment(number)) for number in range(200)]


class ChangingList:
    """
    Answers several calls at once, each a little later; changes at the calls that it is told.

    `meets`: of the calls after the third none is answered before two are in flight.
    """

    def __init__(
        self,
        size: int,
        *,
        kind: str = "",
        moments: list[int] | None = None,
        seed: int = 0,
        meets: bool = False,
    ) -> None:
        self.rows = list(range(size, 0, -1))
        self.asked: list[Ask] = []
        self.most_in_flight = self._in_flight = 0
        self._kind, self._moments, self._chance = kind, moments or [], random.Random(seed)
        self._lock = threading.Lock()
        self._have_met = threading.Event() if meets else None

    def fetch(self, ask: Ask) -> Envelope:
        with self._lock:
            self.asked.append(ask)
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            is_asked_for_alone = len(self.asked) <= 3  # trust grows slowly
        if self._have_met is not None and not is_asked_for_alone:
            if self.most_in_flight > 1:
                self._have_met.set()
            self._have_met.wait(30)
        time.sleep(self._chance.random() / 2000)
        with self._lock:
            self._in_flight -= 1
            if len(self.asked) in self._moments:
                self._moments.remove(len(self.asked))
                self._change()
            page = self.rows[ask.offset : ask.offset + ask.limit]
            return Envelope([KNOWN[number] for number in page], len(self.rows), 0.0)

    def _change(self) -> None:
        for _ in range(self._chance.randint(1, 12)):
            if self._kind == "arrivals":
                self.rows.insert(0, max(self.rows, default=0) + 1)
            elif self.rows:
                self.rows.pop(self._chance.randrange(len(self.rows)))

    def walked(self, **how: int) -> list[int]:
        pages = Pages(self.fetch, lambda row: row, page_size=10, limit=None, offset=0, **how)
        return [record.payment_id - FIRST_ID for page in pages for record in page.records]


def test_a_list_that_stays_is_read_with_the_same_calls_several_at_once():
    ahead, alone = ChangingList(95, meets=True), ChangingList(95)

    assert ahead.walked(pages_ahead=3) == alone.walked() == list(range(95, 0, -1))
    assert sorted(ahead.asked, key=lambda ask: ask.offset) == alone.asked
    assert 1 < ahead.most_in_flight <= 3


@pytest.mark.parametrize("kind", ["arrivals", "removals"])
def test_changes_while_pages_are_under_way_leave_no_row_unread(kind):
    for seed in range(150):
        chance = random.Random(seed)
        changing = ChangingList(
            chance.randint(0, 120), kind=kind, moments=chance.sample(range(2, 14), 3), seed=seed
        )

        met = changing.walked(pages_ahead=3)

        assert set(changing.rows) <= set(met), seed
        assert len(met) == len(set(met))
        assert len(changing.asked) < 70


def test_leaving_early_waits_for_what_is_under_way_and_asks_no_more():
    changing = ChangingList(95)
    pages = iter(Pages(changing.fetch, lambda row: row, page_size=10, limit=None, offset=0, pages_ahead=3))

    next(pages)
    pages.close()

    asked = len(changing.asked)
    time.sleep(0.01)
    assert len(changing.asked) == asked <= 4


def test_a_walk_that_was_begun_finds_its_first_page_under_way():
    begun, alone = ChangingList(95), ChangingList(95)
    first_asked = threading.Event()

    def fetch(ask: Ask) -> Envelope:
        first_asked.set()
        return begun.fetch(ask)

    pages = Pages(fetch, lambda row: row, page_size=10, limit=None, offset=0)
    pages.begin()
    pages.begin()
    assert first_asked.wait(30)
    met = [record.payment_id - FIRST_ID for page in pages for record in page.records]

    assert met == alone.walked()
    assert begun.asked == alone.asked


def test_a_walk_that_was_begun_and_is_not_wanted_is_waited_for_and_asks_no_more():
    changing = ChangingList(95)
    pages = Pages(changing.fetch, lambda row: row, page_size=10, limit=None, offset=0)

    pages.begin()
    pages.close()
    pages.close()

    assert len(changing.asked) <= 1
    assert not [one for one in threading.enumerate() if one.name.startswith("reading-ahead")]


@pytest.mark.parametrize("pages_ahead", [0, 1, 3])
def test_the_end_of_the_list_is_told_once_and_before_its_last_page_is_taken(pages_ahead: int):
    changing, told = ChangingList(95), list[int]()
    taken = list[int]()

    pages = Pages(
        changing.fetch,
        lambda row: row,
        page_size=10,
        limit=None,
        offset=0,
        pages_ahead=pages_ahead,
        on_end=lambda: told.append(len(taken)),
    )
    for page in pages:
        taken.append(page.offset)

    assert len(taken) == 10
    assert len(told) == 1
    assert told[0] <= 9


def test_an_error_comes_in_its_turn_and_the_walk_goes_on_from_there():
    changing = ChangingList(35)
    refusals = iter([MxForbidden("no")])

    def fetch(ask: Ask) -> Envelope:
        if ask.offset == 20 and (refusal := next(refusals, None)):
            raise refusal
        return changing.fetch(ask)

    pages = Pages(fetch, lambda row: row, page_size=10, limit=None, offset=0, pages_ahead=3)
    met: list[int] = []
    with pytest.raises(MxForbidden):
        met.extend(record.payment_id - FIRST_ID for page in pages for record in page.records)
    met.extend(record.payment_id - FIRST_ID for page in pages for record in page.records)

    assert met[-15:] == list(range(15, 0, -1))
