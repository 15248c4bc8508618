"""S16: a request's limits hold at the door, in words that say what to type, and once more in the database."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from mx_pipeline.access import OPERATOR
from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.limits import months_after
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

TODAY = "(now() AT TIME ZONE 'Pacific/Kiritimati')::date"
"""Of a merchant where it is tomorrow already, for most of us."""
WHY = {"emergency": True, "reason": "the chargeback of May"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"latest": 0}, "from 1 to 100; up to 1000 with --emergency and --reason; 0 was given"),
    ({"latest": -1}, "from 1 to 100"),
    ({"latest": 101}, "from 1 to 100"),
    ({"latest": 10**9, **WHY}, "from 1 to 1000; 1000000000 was given"),
    ({"latest": 1001, **WHY}, "from 1 to 1000"),
    ({"latest": 500, "emergency": True}, "give --reason"),
    ({"latest": 500, "emergency": True, "reason": " \t"}, "give --reason"),
    ({"latest": 500, "emergency": True, "reason": "x" * 1001}, "1000 characters"),
    ({"until": 0}, "give --since"),
    ({"since": 0, "until": 0}, "before --until"),
    ({"since": 5, "until": 2}, "before --until"),
    ({"since": 1}, "must not be after today"),
    ({"since": 0, "until": 32}, "leave it out"),
    ({"since": -3653, "until": 0}, "may have 13 months"),
    ({"since": -500}, "may have 13 months"),
    ({"dry_run": True}, "give --latest"),
]
ACCEPTED: list[dict[str, Any]] = [
    {"latest": 1}, {"latest": 100}, {"latest": 1000, **WHY}, {"since": -390}, {"since": 0}, {"since": -9, "until": 31},
    {"latest": 100, "dry_run": True}, {},
]  # fmt: skip
INSERT = (
    "INSERT INTO mx.sync_requests (merchant_id, asked_by, asked_through, mode, latest, since, until, emergency, reason,"
    " dry_run) VALUES (:m, 'somebody', 'api', :mode, :latest, CAST(:since AS date), CAST(:until AS date), :emergency,"
    " :reason, :dry_run)"
)


def request_of(asked: dict[str, Any], today: date) -> SyncRequest:
    """Days are told from today, which is the merchant's own."""
    days = {name: today + timedelta(asked[name]) for name in ("since", "until") if name in asked}
    mode = "latest" if "latest" in asked else "range" if days else "incremental"
    return SyncRequest("user:somebody", "api", mode=mode, **{**asked, **days})


@pytest.fixture
def today(warehouse: WarehouseUnderTest) -> date:
    warehouse.has_merchant(timezone="Pacific/Kiritimati")
    return warehouse.value(f"SELECT {TODAY}")


def test_s16_what_passes_a_limit_is_refused_at_the_door_in_words_that_say_what_to_type(
    warehouse: WarehouseUnderTest, today: date
) -> None:
    for asked, words in REFUSED:
        with (
            warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant,
            pytest.raises(BadInput) as refused,
        ):
            ask(tenant, request_of(asked, today))
        assert words in str(refused.value), asked
    for asked in ACCEPTED:
        with warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
            ask(tenant, request_of(asked, today))

    assert warehouse.value("SELECT count(*) FROM mx.sync_requests") == len(ACCEPTED)


def test_s16_whoever_gets_past_the_door_is_refused_by_the_database(
    warehouse: WarehouseUnderTest, today: date
) -> None:
    let_in = []
    for asked, _ in REFUSED:
        with suppress(IntegrityError):
            warehouse.damage(INSERT, m=MERCHANT, **_columns(request_of(asked, today)))
            let_in.append(asked)
    for asked in ACCEPTED:
        warehouse.damage(INSERT, m=MERCHANT, **_columns(request_of(asked, today)))

    assert let_in == []
    assert warehouse.value("SELECT count(*) FROM mx.sync_requests") == len(ACCEPTED)


def test_s16_what_was_asked_cannot_be_made_more_afterwards(
    warehouse: WarehouseUnderTest, today: date
) -> None:
    warehouse.damage(INSERT, m=MERCHANT, **_columns(request_of({"latest": 5, **WHY}, today)))

    for change in ("latest = 1000", "reason = 'another'", "since = '2020-01-01'", "dry_run = true"):
        with pytest.raises(IntegrityError, match="stays as it was asked"):
            warehouse.damage(f"UPDATE mx.sync_requests SET {change}")


def test_thirteen_months_end_on_a_day_that_there_is() -> None:
    assert months_after(date(2026, 1, 31), 13) == date(2027, 2, 28)
    assert months_after(date(2026, 12, 31), 13) == date(2028, 1, 31)
    assert months_after(date(9999, 12, 31), 13) == date.max


def _columns(request: SyncRequest) -> dict[str, Any]:
    names = ("mode", "latest", "since", "until", "emergency", "reason", "dry_run")
    return {name: getattr(request, name) for name in names}
