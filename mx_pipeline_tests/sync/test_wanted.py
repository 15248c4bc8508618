"""Ids that wait to be asked for, and ids that were met, in little memory and with nothing lost."""

from __future__ import annotations

import tracemalloc

from mx_pipeline.mx_api.seen import SeenIds
from mx_pipeline.sync.invoice_flight import not_yet
from mx_pipeline.sync.wanted import Wanted

MANY = 200_000
BYTES_PER_ID = 20
"""Eight in the array, and as many again while it grows."""


def test_every_id_is_taken_once_in_the_order_of_its_coming() -> None:
    wanted = Wanted()
    wanted.add(range(100))
    assert wanted.first() == 0
    taken = [wanted.take() for _ in range(100)]
    assert wanted.first() is None
    wanted.add([])
    wanted.add(range(100, 150))
    assert not wanted.is_complete

    wanted.complete()
    taken += iter(wanted.take, None)

    assert taken == list(range(150))
    assert wanted.is_complete


def test_what_is_forgotten_is_not_taken() -> None:
    wanted = Wanted()
    wanted.add(range(10))
    assert wanted.take() == 0

    wanted.forget()

    assert wanted.first() is wanted.take() is None
    assert wanted.is_complete


def test_what_was_asked_for_is_not_asked_for_again() -> None:
    asked = SeenIds()

    assert list(not_yet(asked, [5, 4, 3])) == [5, 4, 3]
    assert list(not_yet(asked, [6, 5, 4, 1])) == [6, 1]


def test_two_reads_are_the_same_where_they_met_the_same_in_whatever_pages() -> None:
    one, same, other = SeenIds(), SeenIds(), SeenIds()
    one.add([9, 8, 7])
    one.add([6, 5])
    same.add([5, 7, 6])
    same.add([8, 9])
    other.add([9, 8, 7, 6, 4])

    assert one.is_same_as(same)
    assert not one.is_same_as(other)


def test_ids_cost_eight_bytes_each() -> None:
    met, wanted = SeenIds(), Wanted()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]

    for start in range(10**15, 10**15 + MANY, 1000):
        met.add(range(start, start + 1000))
    wanted.add(met)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()

    assert grown < 2 * BYTES_PER_ID * MANY
