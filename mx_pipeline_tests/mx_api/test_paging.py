"""Walks over lists that change, lie or stop short: none missed, none doubled, no call too many."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from mx_pipeline.errors import BadInput, MxContractBroken, MxForbidden
from mx_pipeline.mx_api import MxClient, Page, Pages
from mx_pipeline.mx_api.decoding import Decoding
from mx_pipeline.mx_api.envelope import Envelope
from mx_pipeline.mx_api.page import Ask
from mx_pipeline.mx_api.seen import SeenIds
from mx_pipeline.records import Payment
from mx_pipeline_tests.mx_api.samples import FIRST_ID, OURS, a_payment, an_invoice
from mx_pipeline_tests.mx_api.vendor import Vendor, a_page, a_reply


def newest_first(highest: int, lowest: int = 1) -> list[dict[str, Any]]:
    return [a_payment(number) for number in range(highest, lowest - 1, -1)]


def numbers(pages: list[Page[Any]]) -> list[int]:
    return [record.payment_id - FIRST_ID for page in pages for record in page.records]


def walked(client: MxClient, **how: Any) -> tuple[list[Page[Any]], Pages[Any]]:
    walk = client.list_payments(**how)
    return list(walk), walk


def asked(vendor: Vendor) -> list[tuple[int, int]]:
    return [(int(each.query["offset"]), int(each.query["limit"])) for each in vendor.requests]


def test_a_list_is_walked_page_by_page_in_the_fewest_calls(vendor, client):
    vendor.serves_list(lambda _: newest_first(25))

    pages, walk = walked(client, page_size=10)

    assert numbers(pages) == list(range(25, 0, -1))
    assert asked(vendor) == [(0, 10), (10, 10), (20, 10)]
    assert [page.is_last for page in pages] == [False, False, True]
    assert [page.received for page in pages] == [10, 10, 5]
    assert (walk.offset, walk.record_count, walk.first_record_count) == (25, 25, 25)
    assert (walk.calls, walk.distinct) == (3, 25)


def test_a_whole_number_of_pages_needs_no_call_more(vendor, client):
    vendor.serves_list(lambda _: newest_first(20))

    walked(client, page_size=10)

    assert len(vendor.requests) == 2


def test_an_empty_list_is_one_page_that_says_so(vendor, client):
    vendor.serves_list(lambda _: [])

    pages, walk = walked(client)

    assert [(page.received, page.record_count, page.is_last) for page in pages] == [(0, 0, True)]
    assert walk.record_count == 0


def test_pages_know_when_they_were_asked_for(vendor, client):
    vendor.serves_list(lambda _: newest_first(3))

    pages, _ = walked(client, page_size=1)

    assert all(before.sent_at < after.sent_at for before, after in pairwise(pages))


def test_the_latest_n_are_asked_for_exactly(vendor, client):
    vendor.serves_list(lambda _: newest_first(100))

    pages, _ = walked(client, page_size=10, limit=25)

    assert numbers(pages) == list(range(100, 75, -1))
    assert asked(vendor) == [(0, 10), (10, 10), (20, 5)]
    assert pages[-1].is_last


def test_a_limit_of_none_left_asks_nothing(vendor, client):
    assert walked(client, limit=0)[0] == []
    assert vendor.requests == []


def test_a_server_that_ignores_limit_still_yields_no_more_than_wanted(vendor, client):
    vendor.answers(a_page(*newest_first(100)))

    pages, _ = walked(client, limit=5)

    assert numbers(pages) == [100, 99, 98, 97, 96]
    assert len(vendor.requests) == 1


def test_refused_records_count_towards_the_limit(vendor, client):
    vendor.serves_list(lambda _: [a_payment(9, amount="x"), *newest_first(8)])

    pages, walk = walked(client, limit=5)

    assert numbers(pages) == [8, 7, 6, 5]
    assert len(pages[0].refused) == 1
    assert (walk.calls, walk.distinct) == (1, 5)


def test_invoices_are_asked_for_500_at_a_time(vendor, client):
    vendor.serves_list(lambda _: [an_invoice(number) for number in range(3)])

    (page,) = client.list_invoices()

    assert [record.invoice_id for record in page.records] == [10000000, 10000001, 10000002]
    assert asked(vendor) == [(0, 500)]
    assert vendor.requests[0].path == "/checkout/v3/invoice"


def test_d5_a_server_that_caps_pages_silently_is_read_to_the_end(vendor, client):
    vendor.serves_list(lambda _: newest_first(25), cap=7)

    pages, _ = walked(client, page_size=20)

    assert numbers(pages) == list(range(25, 0, -1))
    assert asked(vendor) == [(0, 20), (7, 20), (14, 20), (21, 20)]


def test_d1_payments_that_arrive_meanwhile_are_neither_missed_nor_doubled(vendor, client):
    vendor.serves_list(lambda call: newest_first(25 if call < 2 else 32))

    pages, walk = walked(client, page_size=10)

    assert sorted(numbers(pages)) == list(range(1, 33))
    assert asked(vendor)[-1] == (0, 8)
    assert walk.calls == 5
    assert (walk.first_record_count, walk.record_count) == (25, 32)
    assert [page.is_last for page in pages] == [False] * 4 + [True]


def test_d1_arrivals_are_read_also_when_the_latest_n_are_reached(vendor, client):
    vendor.serves_list(lambda call: newest_first(100 if call < 2 else 103))

    pages, _ = walked(client, page_size=10, limit=20)

    assert set(range(103, 83, -1)) <= set(numbers(pages))
    assert len(numbers(pages)) == len(set(numbers(pages)))


def test_more_arrivals_than_a_page_are_read_from_the_top_page_by_page(vendor, client):
    vendor.serves_list(lambda call: newest_first(15 if call < 2 else 50))

    pages, _ = walked(client, page_size=10)

    assert sorted(numbers(pages)) == list(range(1, 51))


def test_arrivals_while_the_top_is_read_are_read_too(vendor, client):
    vendor.serves_list(lambda call: newest_first({1: 15, 2: 40, 3: 40, 4: 40, 5: 40}.get(call, 43)))

    pages, _ = walked(client, page_size=10)

    assert sorted(numbers(pages)) == list(range(1, 44))


def test_d2_rows_that_vanish_make_the_walk_read_the_overlap_again(vendor, client):
    everything = newest_first(30)
    vendor.serves_list(lambda call: everything if call < 2 else everything[5:])

    pages, walk = walked(client, page_size=10)

    assert set(numbers(pages)) >= set(range(1, 26))
    assert len(numbers(pages)) == len(set(numbers(pages)))
    assert asked(vendor) == [(0, 10), (10, 10), (5, 5), (20, 10)]
    assert walk.calls == 4


def test_d2_vanishing_rows_can_empty_the_end_of_the_list(vendor, client):
    everything = newest_first(15)
    vendor.serves_list(lambda call: everything if call < 2 else everything[6:])

    pages, _ = walked(client, page_size=10)

    assert set(numbers(pages)) >= set(range(1, 10))


def test_d2_rows_that_keep_vanishing_are_followed_three_times_and_then_noted(vendor, client):
    everything = newest_first(100)
    vendor.serves_list(lambda call: everything[call:])

    pages, walk = walked(client, page_size=10)

    assert any("shrank more often" in note for page in pages for note in page.notes)
    assert walk.calls < 20


def test_d3_a_server_that_ignores_offset_is_found_out_after_two_calls(vendor, client):
    vendor.answers(a_reply({"recordCount": 500, "records": newest_first(10)}))

    with pytest.raises(MxContractBroken, match="ignores `offset`"):
        walked(client, page_size=10)

    assert len(vendor.requests) <= 3


@pytest.mark.parametrize("count", [15, 20, None])
def test_d3_a_repeated_page_never_ends_a_walk_as_if_it_were_whole(vendor, client, count):
    vendor.answers(a_reply({"recordCount": count, "records": newest_first(10)}))

    with pytest.raises(MxContractBroken):
        walked(client, page_size=10)

    assert len(vendor.requests) <= 3


@pytest.mark.parametrize("count", [None, "25", -1, 3, 7, 24, 26, 9999])
def test_d4_a_wrong_record_count_loses_nothing(vendor, client, count):
    vendor.serves_list(lambda _: newest_first(25), count=lambda _: "25" if count is None else count)

    pages, _ = walked(client, page_size=10)

    assert numbers(pages) == list(range(25, 0, -1))
    assert len(vendor.requests) <= 4


@pytest.mark.parametrize("count", [3, 24])
def test_d4_a_contradicted_record_count_is_noted(vendor, client, count):
    vendor.serves_list(lambda _: newest_first(25), count=lambda _: count)

    pages, _ = walked(client, page_size=10)

    assert [note for page in pages for note in page.notes] == [
        f"recordCount says {count}, but {10 if count == 3 else 25} rows came"
    ]


def test_d6_an_unstable_order_doubles_nothing_and_tells_what_is_missing(vendor, client):
    chance = random.Random(6)
    vendor.serves_list(lambda _: chance.sample(newest_first(40), 40))

    pages, walk = walked(client, page_size=10)

    assert len(numbers(pages)) == len(set(numbers(pages))) == walk.distinct
    assert walk.distinct <= (walk.record_count or 0)


def test_d18_of_an_id_that_comes_twice_in_a_page_the_last_row_counts(vendor, client):
    vendor.answers(a_page(a_payment(1, status="Approved"), a_payment(2), a_payment(1, status="Settled")))

    pages, _ = walked(client)

    assert [(record.payment_id - FIRST_ID, record.status) for record in pages[0].records] == [
        (1, "Settled"),
        (2, "Approved"),
    ]
    assert pages[0].received == 3


def test_a_walk_goes_on_where_an_error_stopped_it(vendor, client):
    vendor.answers(
        a_reply({"recordCount": 20, "records": newest_first(20, 11)}),
        a_reply(status=403),
        a_reply({"recordCount": 20, "records": newest_first(10)}),
    )
    walk = client.list_payments(page_size=10)
    kept: list[Page[Any]] = []

    with pytest.raises(MxForbidden):
        kept.extend(walk)
    kept.extend(walk)

    assert numbers(kept)[-10:] == list(range(10, 0, -1))
    assert asked(vendor) == [(0, 10), (10, 10), (10, 10)]


def test_a_later_walk_resumes_at_an_offset(vendor, client):
    vendor.serves_list(lambda _: newest_first(25))

    pages, walk = walked(client, page_size=10, offset=20)

    assert numbers(pages) == [5, 4, 3, 2, 1]
    assert asked(vendor) == [(20, 10)]
    assert walk.offset == 25


def test_a_resumed_walk_reads_at_the_top_only_what_grew(vendor, client):
    vendor.serves_list(lambda call: newest_first(25 if call < 2 else 28))

    pages, _ = walked(client, page_size=3, offset=19)

    assert set(numbers(pages)) >= {1, 2, 3, 4, 5, 6, 26, 27, 28}
    assert len(vendor.requests) <= 5


@pytest.mark.parametrize("how", [{"page_size": 0}, {"limit": -1}, {"offset": -1}])
def test_impossible_walks_are_refused(client, how):
    with pytest.raises(BadInput):
        client.list_payments(**how)


def test_any_history_of_arrivals_ends_whole_and_in_few_calls(vendor, client):
    for seed in range(20):
        chance = random.Random(seed)
        sizes = [chance.randint(0, 60)]
        for _ in range(60):
            sizes.append(sizes[-1] + chance.choice([0, 0, 0, 1, 4]))
        vendor.requests.clear()
        vendor.serves_list(
            lambda call, sizes=sizes: newest_first(sizes[min(call, 8)]), cap=chance.choice([7, 10, 100])
        )

        pages, _ = walked(client, page_size=10)

        assert len(numbers(pages)) == len(set(numbers(pages)))
        assert set(numbers(pages)) >= set(range(1, sizes[1] + 1)), seed
        assert len(vendor.requests) < 25


def test_seen_ids_are_a_set():
    chance = random.Random(1)
    seen, truth = SeenIds(), set[int]()

    for _ in range(50):
        ids = chance.sample(range(2_000), 60)
        assert seen.known_of(ids) == truth & set(ids)
        new = [each for each in ids if each not in truth]
        seen.add(new)
        truth |= set(new)

    assert len(seen) == len(truth)
    assert seen.known_of([]) == set()


@pytest.mark.parametrize("kind", ["arrivals", "removals"])
def test_any_three_changes_while_a_list_is_read_leave_no_row_unread(kind):
    decoding = Decoding(Payment, stream="payments", merchant_id=OURS, keys_sent_once=())
    known = [decoding.row(a_payment(number)) for number in range(200)]

    for seed in range(1_000):
        chance = random.Random(seed)
        rows = list(range(chance.randint(0, 120), 0, -1))
        size, cap = chance.choice([3, 7, 10, 50]), chance.choice([5, 10, 1000])
        moments = chance.sample(range(2, 14), 3)
        calls = 0

        def fetch(ask: Ask, rows=rows, moments=moments, chance=chance, cap=cap) -> Envelope:
            nonlocal calls
            calls += 1
            if calls in moments:
                for _ in range(chance.randint(1, 12)):
                    if kind == "arrivals":
                        rows.insert(0, max(rows, default=0) + 1)
                    elif rows:
                        rows.pop(chance.randrange(len(rows)))
            page = rows[ask.offset : ask.offset + min(ask.limit, cap)]
            return Envelope([known[number] for number in page], len(rows), 0.0)

        pages = list(Pages(fetch, lambda row: row, page_size=size, limit=None, offset=0))

        assert set(rows) <= set(numbers(pages)), seed
        assert len(numbers(pages)) == len(set(numbers(pages)))
        assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert calls < 70
