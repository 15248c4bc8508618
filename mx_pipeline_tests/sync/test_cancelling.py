"""Who asked may change their mind: what waits ends at once, what runs within a page; what is committed stays."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from mx_pipeline.access import OPERATOR
from mx_pipeline.errors import BadInput
from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.synthetic_mx import FixedAnswer
from mx_pipeline.warehouse.cancelling import Cancelled, cancel
from mx_pipeline.warehouse.requests import SyncRequest, ask, claim
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.held import held
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

BY, A_MINUTE = "user:admin", 60
REQUESTS = "SELECT status, outcome FROM mx.sync_requests ORDER BY request_id"


def asked(warehouse: WarehouseUnderTest) -> int:
    with warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        return ask(tenant, SyncRequest("user:somebody", "api"))


def cancelled(warehouse: WarehouseUnderTest, request_id: int) -> Cancelled:
    with warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        return cancel(tenant, request_id, by=BY)


def eventually(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + A_MINUTE
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_request_that_waits_ends_at_once(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    request = asked(warehouse)

    assert cancelled(warehouse, request) == "cancelled"
    assert cancelled(warehouse, request) == "already done"

    assert warehouse.rows(REQUESTS) == [("done", "cancelled")]
    with warehouse.loader.merchant(MERCHANT) as tenant:
        assert claim(tenant, request, claimed_by="late") is None


def test_c1_a_second_click_joins_and_its_cancelling_leaves_the_first_alone(
    warehouse: WarehouseUnderTest,
) -> None:
    warehouse.has_merchant()
    first, second = asked(warehouse), asked(warehouse)

    assert warehouse.rows(REQUESTS) == [("asked", None), ("joined", None)]
    assert cancelled(warehouse, first) == "goes on for others"
    assert cancelled(warehouse, second) == "cancelled"
    assert cancelled(warehouse, first) == "cancelled"


def test_a_request_of_nobody_is_refused(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()

    with pytest.raises(BadInput, match="no request 77"):
        cancelled(warehouse, 77)


def test_a_running_sync_stops_within_a_page_and_keeps_what_it_has(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=300)
    was_stopped = threading.Event()
    clinic.mx.answers(held(FixedAnswer(endpoint="invoice"), until=was_stopped.is_set))
    request = asked(warehouse)
    reports: list[SyncReport] = []
    sync = threading.Thread(target=lambda: reports.append(clinic.answerer.answer(MERCHANT, request)))

    sync.start()
    eventually(lambda: warehouse.value("SELECT count(*) FROM mx.payments"))
    assert cancelled(warehouse, request) == "stopping"
    was_stopped.set()
    sync.join()
    calls = clinic.mx.call_count(MERCHANT)

    assert (reports[0].outcome, reports[0].message) == ("cancelled", f"cancelled by {BY}")
    assert warehouse.rows(REQUESTS) == [("done", "cancelled")]
    assert warehouse.value("SELECT count(*) FROM mx.payments") > 0
    assert calls < 200
    assert clinic.answerer.answer(MERCHANT, asked(warehouse)).outcome == "success"
    assert clinic.mx.call_count(MERCHANT) > 200, "it was stopped long before its end"


def test_p14_a_process_that_must_end_finishes_its_page_and_the_request_waits_for_the_next(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=300)
    was_stopped = threading.Event()
    clinic.mx.answers(held(FixedAnswer(endpoint="invoice"), until=was_stopped.is_set))
    request = asked(warehouse)
    reports: list[SyncReport] = []
    sync = threading.Thread(target=lambda: reports.append(clinic.answerer.answer(MERCHANT, request)))

    sync.start()
    eventually(lambda: warehouse.value("SELECT count(*) FROM mx.payments"))
    clinic.answerer.stop.raise_it("a deployment")
    was_stopped.set()
    sync.join()

    assert reports[0].is_interrupted
    assert "a deployment" in reports[0].message
    assert warehouse.rows(REQUESTS) == [("asked", None)]


def test_whoever_cancels_a_request_that_waits_for_another_sync_leaves_that_one_alone(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=300)
    was_cancelled = threading.Event()
    clinic.mx.answers(held(FixedAnswer(endpoint="invoice"), until=was_cancelled.is_set))
    first = asked(warehouse)
    reports: list[SyncReport] = []
    sync = threading.Thread(target=lambda: reports.append(clinic.answerer.answer(MERCHANT, first)))
    sync.start()
    eventually(lambda: warehouse.value("SELECT count(*) FROM mx.sync_leases"))
    with warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        second = ask(tenant, SyncRequest("user:other", "api", mode="full"))
    with warehouse.loader.merchant(MERCHANT) as tenant:
        assert claim(tenant, second, claimed_by="another worker")

    assert cancelled(warehouse, second) == "stopping"
    was_cancelled.set()
    sync.join()

    assert reports[0].outcome == "success"
    assert clinic.answerer.under("another worker").answer(MERCHANT, second).outcome == "cancelled"
