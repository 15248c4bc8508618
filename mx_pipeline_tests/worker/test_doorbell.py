"""Nobody waits for a notification that was lost: the table is looked at besides."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
from mx_pipeline.worker import doorbell
from mx_pipeline.worker.doorbell import LOOK_SECONDS, LOOK_WITHOUT_BELL_SECONDS, Doorbell
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

A_MINUTE = 60


@pytest.fixture
def never_woken() -> Iterator[int]:
    ear, mouth = os.pipe()
    yield ear
    os.close(ear)
    os.close(mouth)


def test_it_looks_again_after_five_seconds_where_bells_are_heard_and_after_a_fifth_of_one_where_not() -> None:
    assert (LOOK_SECONDS, LOOK_WITHOUT_BELL_SECONDS) == (5.0, 0.2)


def test_a_ring_is_heard_at_once_and_one_that_was_lost_is_made_good_by_looking(
    warehouse: WarehouseUnderTest, never_woken: int
) -> None:
    with Doorbell(warehouse.logins.url(DISPATCHER_ROLE), look_seconds=1.0) as bell:
        bell.wait(never_woken)  # it connects, and hears what it rings itself
        began = time.monotonic()
        bell.wait(never_woken)
        unheard = time.monotonic() - began
    with Doorbell(warehouse.logins.url(DISPATCHER_ROLE), look_seconds=A_MINUTE) as bell:
        bell.wait(never_woken, at_most=0)
        warehouse.damage(f"NOTIFY {doorbell.CHANNEL}")
        began = time.monotonic()
        bell.wait(never_woken)
        heard = time.monotonic() - began

    assert 1.0 <= unheard < A_MINUTE / 2
    assert heard < A_MINUTE / 2


def test_without_a_connection_that_hears_it_looks_five_times_a_second(
    warehouse: WarehouseUnderTest, never_woken: int
) -> None:
    nowhere = warehouse.logins.url(DISPATCHER_ROLE).set(port=1)

    with Doorbell(nowhere) as bell:
        bell.wait(never_woken)
        began = time.monotonic()
        bell.wait(never_woken)

    assert not bell.is_heard
    assert LOOK_WITHOUT_BELL_SECONDS <= time.monotonic() - began < LOOK_SECONDS
