"""Whose turn it is: by interval, night and activity, each merchant at its own moment."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import ProgrammingError

from mx_pipeline.access import OPERATOR
from mx_pipeline.warehouse.due import claim_due, due_merchants, overtaken
from mx_pipeline.warehouse.requests import SyncRequest, ask, finish
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

NOON = datetime(2026, 11, 23, 18, tzinfo=UTC)
"""In Chicago, far from its night."""
MINUTE = timedelta(minutes=1)


def synced(
    warehouse: WarehouseUnderTest, merchant_id: int = MERCHANT, *, at: datetime = NOON, **more: object
) -> int:
    """A merchant whose last sync ended then, well."""
    warehouse.has_merchant(merchant_id)
    columns = {
        "merchant_id": merchant_id, "stream": "payments", "record_count": 800, "walked_at": at,
        "daily_at": at, "weekly_at": at, "monthly_at": at, "completed_at": at, "changed_at": at,
        "last_outcome": "success", "open_each_sync": 20, "open_daily": 0, **more,
    }  # fmt: skip
    names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    warehouse.damage(f"INSERT INTO mx.sync_state ({names}) VALUES ({values})", **columns)
    return merchant_id


def due(warehouse: WarehouseUnderTest, now: datetime) -> list[int]:
    with warehouse.dispatcher.everyone() as session:
        return [one.merchant_id for one in due_merchants(session, now=now)]


def minutes_until_due(warehouse: WarehouseUnderTest, *, at: datetime = NOON, most: int = 200) -> int:
    return next(minute for minute in range(most) if due(warehouse, at + minute * MINUTE))


def test_a_new_merchant_is_due_at_once(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()

    assert due(warehouse, datetime.now(UTC) + MINUTE) == [MERCHANT]


@pytest.mark.parametrize(
    ("more", "least", "most"),
    [
        ({}, 7, 23),
        ({"open_each_sync": 400}, 2, 8),
        ({"changed_at": NOON - timedelta(hours=5)}, 15, 45),
        ({"changed_at": NOON - timedelta(days=2)}, 30, 60),
    ],
    ids=["every quarter of an hour", "busy", "quiet", "silent for a day"],
)
def test_how_often_a_merchant_is_asked_for_follows_what_happens_there(
    warehouse: WarehouseUnderTest, more: dict[str, object], least: int, most: int
) -> None:
    synced(warehouse, **more)

    assert least <= minutes_until_due(warehouse) <= most


def test_a_merchants_own_interval_counts_whatever_happens_there(warehouse: WarehouseUnderTest) -> None:
    synced(warehouse, open_each_sync=4000)
    warehouse.damage("UPDATE mx.mx_merchant_configs SET interval_minutes = 120")

    assert 60 <= minutes_until_due(warehouse) <= 180


def test_c11_a_hundred_merchants_due_at_midnight_are_spread_over_their_interval(
    warehouse: WarehouseUnderTest,
) -> None:
    for number in range(100):
        synced(warehouse, MERCHANT + number, at=NOON - timedelta(hours=1), changed_at=NOON)
    assert len(due(warehouse, NOON)) == 100
    warehouse.damage("UPDATE mx.sync_state SET completed_at = :noon", noon=NOON)

    turns = Counter[int]()
    seen: set[int] = set()
    for minute in range(24):
        now_due = set(due(warehouse, NOON + minute * MINUTE)) - seen
        turns[minute] = len(now_due)
        seen |= now_due

    assert len(seen) == 100
    assert max(turns.values()) <= 20
    assert due(warehouse, NOON + 10 * MINUTE) == due(warehouse, NOON + 10 * MINUTE)


def test_paused_refused_held_back_in_flight_and_asked_for_are_skipped(warehouse: WarehouseUnderTest) -> None:
    merchants = [synced(warehouse, MERCHANT + number, at=NOON - timedelta(hours=2)) for number in range(6)]
    paused, refused, held_back, in_flight, asked, left = merchants
    for statement in (
        f"UPDATE mx.mx_merchant_configs SET is_active = false WHERE merchant_id = {paused}",
        f"UPDATE mx.mx_merchant_configs SET credentials_refused_at = now() WHERE merchant_id = {refused}",
        f"""UPDATE mx.sync_state SET last_outcome = 'rate_limited', resumes_at = '2026-11-23 18:01+00'
             WHERE merchant_id = {held_back}""",
        f"""INSERT INTO mx.sync_leases (merchant_id, holder, expires_at)
            VALUES ({in_flight}, 'x', '2026-11-23 18:00:10+00')""",
    ):
        warehouse.damage(statement)
    with warehouse.app.merchant(asked, person=OPERATOR) as tenant:
        ask(tenant, SyncRequest("user:somebody", "api", mode="latest", latest=20))

    assert due(warehouse, NOON) == [left]
    assert set(due(warehouse, NOON + MINUTE)) == {held_back, in_flight, left}


def test_the_first_look_after_a_merchants_night_is_due_once(warehouse: WarehouseUnderTest) -> None:
    evening = datetime(2026, 11, 24, 4, tzinfo=UTC)
    synced(warehouse, at=evening)
    warehouse.damage("UPDATE mx.mx_merchant_configs SET interval_minutes = 10080")

    nights = [hour for hour in range(24) if due(warehouse, evening + timedelta(hours=hour))]
    warehouse.damage("UPDATE mx.sync_state SET completed_at = :now", now=evening + timedelta(hours=10))

    assert 5 <= nights[0] <= 9  # from 3 to 6 in Chicago
    assert due(warehouse, evening + timedelta(hours=11)) == []


def test_once_in_28_nights_everything_is_read_again(warehouse: WarehouseUnderTest) -> None:
    synced(warehouse)
    modes = []
    for day in range(1, 57):
        now = NOON + timedelta(days=day)
        with warehouse.dispatcher.everyone() as session:
            (one,) = due_merchants(session, now=now)
        modes.append(one.mode)
        if one.mode == "full":
            warehouse.damage("UPDATE mx.sync_state SET monthly_at = :now", now=now)

    assert Counter(modes) == {"incremental": 54, "full": 2}


def test_a_zone_that_the_server_does_not_know_stops_nobody(warehouse: WarehouseUnderTest) -> None:
    for number in range(2):
        synced(warehouse, MERCHANT + number, at=NOON - timedelta(hours=2))
    warehouse.damage(
        "UPDATE mx.mx_merchant_configs SET timezone = 'Mars/Olympus' WHERE merchant_id = :m", m=MERCHANT
    )

    assert due(warehouse, NOON) == [MERCHANT, MERCHANT + 1]


def test_a_due_merchant_is_claimed_once_and_not_again_for_the_same_moment(
    warehouse: WarehouseUnderTest,
) -> None:
    synced(warehouse, at=NOON - timedelta(hours=2))

    def claimed(name: str) -> bool:
        with warehouse.loader.merchant(MERCHANT) as tenant:
            found = claim_due(tenant, now=NOON, claimed_by=name)
            if found and name == "third":
                finish(tenant, found.request_id, run_id=None, outcome="success", message="")
            return found is not None

    assert [claimed("first"), claimed("second")] == [True, False]
    warehouse.damage("UPDATE mx.sync_requests SET status = 'done', finished_at = :now", now=NOON + MINUTE)
    assert not claimed("third")


def test_a_merchant_that_a_person_waits_for_gives_way(warehouse: WarehouseUnderTest) -> None:
    for number, through in enumerate(("api", "webhook", "schedule")):
        warehouse.has_merchant(MERCHANT + number)
        with warehouse.app.merchant(MERCHANT + number, person=OPERATOR) as tenant:
            ask(tenant, SyncRequest("user:somebody", through))

    with warehouse.dispatcher.everyone() as session:
        assert overtaken(session, [MERCHANT, MERCHANT + 2]) == {MERCHANT}


def test_the_dispatcher_decides_without_seeing_keys_or_payments(warehouse: WarehouseUnderTest) -> None:
    for statement in ("SELECT consumer_key FROM mx.mx_merchant_configs", "SELECT FROM mx.payments"):
        with warehouse.dispatcher.everyone() as session, pytest.raises(ProgrammingError):
            session.connection.exec_driver_sql(statement)
