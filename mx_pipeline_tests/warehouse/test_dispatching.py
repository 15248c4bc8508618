"""Who is next: by lane, then by age, never a merchant that is being synced, and each request to one worker alone."""

from __future__ import annotations

from mx_pipeline.access import OPERATOR
from mx_pipeline.warehouse.dispatching import (
    MOST_ATTEMPTS,
    claim_next,
    hand_back,
    notice_unanswered,
    recover_lost,
)
from mx_pipeline.warehouse.requests import AskedThrough, SyncRequest, ask
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

PEOPLE, SCHEDULE, BACKFILL = 1, 2, 3


def asked(warehouse: WarehouseUnderTest, merchant_id: int, through: AskedThrough) -> None:
    warehouse.has_merchant(merchant_id)
    with warehouse.app.merchant(merchant_id, person=OPERATOR) as tenant:
        ask(tenant, SyncRequest("user:somebody", through))


def claimed(warehouse: WarehouseUnderTest, name: str, lowest_lane: int = BACKFILL) -> int | None:
    with warehouse.dispatcher.everyone() as session:
        found = claim_next(session, claimed_by=name, lowest_lane=lowest_lane)
    return found.merchant_id if found else None


def test_people_go_before_the_schedule_and_the_schedule_before_backfills(
    warehouse: WarehouseUnderTest,
) -> None:
    asked(warehouse, MERCHANT, "dagster")
    asked(warehouse, MERCHANT + 1, "schedule")
    asked(warehouse, MERCHANT + 2, "api")

    turns = [claimed(warehouse, f"worker {number}") for number in range(4)]

    assert turns == [MERCHANT + 2, MERCHANT + 1, MERCHANT, None]


def test_a_child_that_is_kept_for_people_leaves_the_rest_alone(warehouse: WarehouseUnderTest) -> None:
    asked(warehouse, MERCHANT, "dagster")
    asked(warehouse, MERCHANT + 1, "schedule")

    assert claimed(warehouse, "for people", PEOPLE) is None
    assert claimed(warehouse, "no backfills", SCHEDULE) == MERCHANT + 1
    assert claimed(warehouse, "no backfills", SCHEDULE) is None


def test_a_request_that_another_is_just_claiming_is_passed_over(warehouse: WarehouseUnderTest) -> None:
    asked(warehouse, MERCHANT, "api")
    asked(warehouse, MERCHANT + 1, "api")

    with warehouse.dispatcher.everyone() as session:
        first = claim_next(session, claimed_by="one")
        second = claimed(warehouse, "other")

    assert (first and first.merchant_id, second) == (MERCHANT, MERCHANT + 1)


def test_a_merchant_that_is_being_synced_waits(warehouse: WarehouseUnderTest) -> None:
    asked(warehouse, MERCHANT, "api")
    warehouse.damage(
        "INSERT INTO mx.sync_leases (merchant_id, holder, expires_at) VALUES (:id, 'x', now() + interval '1 hour')",
        id=MERCHANT,
    )

    assert claimed(warehouse, "worker") is None


def test_what_could_not_begin_waits_again_however_often(warehouse: WarehouseUnderTest) -> None:
    asked(warehouse, MERCHANT, "api")

    for _ in range(MOST_ATTEMPTS + 1):
        assert claimed(warehouse, "worker") == MERCHANT
        with warehouse.dispatcher.everyone() as session:
            hand_back(session, claimed_by="worker")
            recover_lost(session)

    assert warehouse.rows("SELECT status, attempt FROM mx.sync_requests") == [("asked", 0)]


def test_a_request_that_nobody_answers_in_time_is_told_once_and_again_when_it_has_waited_anew(
    warehouse: WarehouseUnderTest,
) -> None:
    asked(warehouse, MERCHANT, "api")
    asked(warehouse, MERCHANT + 1, "schedule")
    asked(warehouse, MERCHANT + 2, "api")
    asked(warehouse, MERCHANT + 3, "api")
    warehouse.damage(
        "UPDATE mx.mx_merchant_configs SET is_active = false WHERE merchant_id = :m", m=MERCHANT + 2
    )
    warehouse.damage(
        "INSERT INTO mx.sync_leases (merchant_id, holder, expires_at) VALUES (:m, 'x', now() + interval '1 hour')",
        m=MERCHANT + 3,
    )

    def told() -> list[str]:
        with warehouse.dispatcher.everyone() as session:
            return notice_unanswered(session)

    def time_passes(seconds: int) -> None:
        warehouse.damage(
            "UPDATE mx.sync_requests SET waits_since = waits_since - make_interval(secs => :s)", s=seconds
        )

    assert told() == []
    time_passes(61)
    (alert,) = told()
    assert f"merchant {MERCHANT} has waited for 61 s" in alert
    assert "start mx-pipeline worker" in alert
    assert told() == []

    assert claimed(warehouse, "worker") == MERCHANT
    with warehouse.dispatcher.everyone() as session:
        hand_back(session, claimed_by="worker")
    assert told() == [], "it waits anew"
    time_passes(61)
    assert len(told()) == 1
    time_passes(800)
    assert f"merchant {MERCHANT + 1} has waited" in told()[0], "the schedule has more time"
