"""`mx-pipeline status`: freshness, outcome, proof."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mx_pipeline.operations.tables import age
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.conftest import Here

Clinic = Callable[..., int]
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_status_has_a_row_per_merchant_with_what_its_last_sync_proved(here: Here, clinic: Clinic) -> None:
    clinic(payments=3), clinic(MERCHANT + 1, payments=3)
    here("sync", MERCHANT)
    here("sync", MERCHANT + 1, "--detach")

    fresh, waiting = here("status", "--json").answer["merchants"]

    assert (fresh["merchant_id"], fresh["state"], fresh["last_outcome"]) == (MERCHANT, "active", "success")
    assert (fresh["certificate"], fresh["quarantined"], fresh["waiting_requests"]) == ("agrees", 0, 0)
    assert datetime.now(UTC) - datetime.fromisoformat(fresh["last_success_at"]) < timedelta(minutes=1)
    assert (waiting["last_outcome"], waiting["last_success_at"]) == (None, None)
    assert waiting["waiting_requests"] == 1


def test_status_of_one_merchant_is_about_that_one(here: Here, clinic: Clinic) -> None:
    clinic(), clinic(MERCHANT + 1)

    ran = here("status", MERCHANT + 1)

    assert str(MERCHANT + 1) in ran.out
    assert f" {MERCHANT} " not in ran.out


def test_an_empty_warehouse_says_how_to_begin(here: Here) -> None:
    assert "merchants add" in here("status").out
    assert here("status", "--json").answer == {"merchants": []}


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=-5), "0 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=61), "1 h ago"),
        (timedelta(days=3, hours=5), "3 d ago"),
    ],
)
def test_an_age_is_told_in_the_largest_unit_that_fits(ago: timedelta, words: str) -> None:
    assert age(NOON - ago, now=NOON) == words
    assert age(None, now=NOON) == "never"
