"""C5 as a property: whatever is asked for and in whatever order, who waits has a reason, and nobody is passed over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mx_pipeline.access import OPERATOR
from mx_pipeline.warehouse.dispatching import Waiting, claim_next
from mx_pipeline.warehouse.requests import AskedThrough, SyncRequest, ask, finish
from mx_pipeline.worker.supervisor import lowest_lane
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

MERCHANTS = range(MERCHANT, MERCHANT + 4)
PEOPLE = 1
THROUGH = st.sampled_from(("api", "webhook", "schedule", "schedule", "dagster", "dagster"))
ASKS = st.tuples(st.just("ask"), st.sampled_from(MERCHANTS), THROUGH, st.integers(1, 3))
ENDS = st.tuples(st.just("end"), st.integers(0, 3))


@dataclass
class Child:
    """A warm process, as the dispatcher sees it."""

    name: str
    lowest_lane: int
    answers: Waiting | None = None
    lane: int = 0


def open_requests(warehouse: WarehouseUnderTest) -> list[Any]:
    return warehouse.rows(
        "SELECT merchant_id, request_id, lane, status FROM mx.sync_requests"
        " WHERE status IN ('asked', 'claimed') ORDER BY lane, asked_at, request_id"
    )


def whose_turn(rows: list[Any], child: Child) -> Any | None:
    """The rule, said once more and without SQL."""
    busy = {row.merchant_id for row in rows if row.status == "claimed"}
    turns = (row for row in rows if row.merchant_id not in busy and row.lane <= child.lowest_lane)
    return next(turns, None)


def all_claim(warehouse: WarehouseUnderTest, children: list[Child]) -> None:
    """Each idle child takes what is its turn, or there is nothing that it may take."""
    for child in children:
        if child.answers is not None:
            continue
        expected = whose_turn(open_requests(warehouse), child)
        with warehouse.dispatcher.everyone() as session:
            child.answers = claim_next(session, claimed_by=child.name, lowest_lane=child.lowest_lane)
        assert child.answers == (expected and Waiting(expected.merchant_id, expected.request_id))
        child.lane = expected.lane if expected else 0


def asks(warehouse: WarehouseUnderTest, merchant_id: int, through: AskedThrough, latest: int) -> int:
    with warehouse.app.merchant(merchant_id, person=OPERATOR) as tenant:
        return ask(tenant, SyncRequest("user:somebody", through, mode="latest", latest=latest))


def ends(warehouse: WarehouseUnderTest, child: Child) -> None:
    if child.answers is not None:
        with warehouse.loader.merchant(child.answers.merchant_id) as tenant:
            finish(tenant, child.answers.request_id, run_id=None, outcome="success", message="")
        child.answers = None


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(ASKS | ENDS, min_size=4, max_size=16), size=st.integers(1, 4))
def test_c5_whoever_waits_waits_for_a_reason_and_people_never_for_clock_or_backfill(
    warehouse: WarehouseUnderTest, steps: list[Any], size: int
) -> None:
    for merchant_id in MERCHANTS:
        warehouse.has_merchant(merchant_id)
    warehouse.damage("DELETE FROM mx.sync_requests")
    children = [Child(f"child {number}", lowest_lane(number, size)) for number in range(size)]
    requests = set[int]()

    for what, *how in steps:
        if what == "ask":
            requests.add(asks(warehouse, *how))
        else:
            ends(warehouse, children[how[0] % size])
        all_claim(warehouse, children)

        rows = open_requests(warehouse)
        synced = [row.merchant_id for row in rows if row.status == "claimed"]
        assert len(synced) == len(set(synced)), "one sync a merchant"
        for row in rows:
            if row.status == "asked" and row.merchant_id not in synced:
                assert all(child.answers for child in children if child.lowest_lane >= row.lane)
                assert size == 1 or row.lane > PEOPLE or children[0].lane == PEOPLE, (
                    "only people hold up people"
                )

    while any(child.answers for child in children):
        for child in children:
            ends(warehouse, child)
        all_claim(warehouse, children)
    done = warehouse.rows("SELECT request_id FROM mx.sync_requests WHERE status = 'done'")
    assert {request for (request,) in done} == requests
