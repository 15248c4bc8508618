"""Dagster's runs on two Celery workers: one is killed, Redis forgets everything, a person presses Terminate."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from mx_pipeline_tests.deploy.conftest import OnCelery
from mx_pipeline_tests.deploy.page import PROJECT
from mx_pipeline_tests.fakes import oracle
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.worker.conftest import until
from mx_pipeline_tests.worker.test_ui import TERMINATE, WHERE

OTHER, THIRD = MERCHANT + 1, MERCHANT + 2
RUNS = """query ($id: String!) { runsOrError(filter: {tags: [{key: "mx/request", value: $id}]}) {
    ... on Runs { results { runId status creationTime tags { key value } } } } }"""
SCHEDULE = """query ($selector: ScheduleSelector!) { scheduleOrError(scheduleSelector: $selector) {
    ... on Schedule { scheduleState { id } } } }"""
STOP = "mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename } }"
END_AT_ONCE = """mutation ($id: String!) {
    terminateRun(runId: $id, terminatePolicy: MARK_AS_CANCELED_IMMEDIATELY) { __typename } }"""
"""The dialog's box "force termination": until a worker has begun a run, Dagster offers nothing else."""
CLAIMED = "SELECT claimed_by FROM mx.sync_requests WHERE request_id = :r AND status = 'claimed'"
BEGUN = "SELECT FROM mx.sync_runs WHERE request_id = ANY (:requests)"
NEWEST = "SELECT max(request_id) FROM mx.sync_requests"


def test_the_instance_on_celery_is_the_usual_one_but_for_its_launcher() -> None:
    usual, on_celery = (
        yaml.safe_load((PROJECT / path).read_text(encoding="utf-8"))
        for path in ("dagster.yaml", "deploy/celery/dagster.yaml")
    )

    different = {key for key in usual | on_celery if usual.get(key) != on_celery.get(key)}

    assert different == {"run_launcher", "run_monitoring"}
    assert on_celery["run_launcher"]["class"] == "CeleryLauncher"
    assert on_celery["run_monitoring"] == usual["run_monitoring"] | {"poll_interval_seconds": 5}


@pytest.mark.system
@pytest.mark.begins_early
@pytest.mark.timeout(400)
def test_runs_survive_a_killed_worker_and_a_redis_that_forgot_and_a_cancel_stays_one(
    on_celery: OnCelery,
) -> None:
    deployment = on_celery.deployment
    _stop_the_clock(on_celery)
    for merchant in (MERCHANT, OTHER, THIRD):
        deployment.add(merchant, payments=300)
        deployment.mx.behaves(merchant, latency_ms=1000, payment_page_cap=10)

    # A worker is killed: its run is retried on the other one.
    on_celery.run("sync")
    killed_in = deployment.warehouse.value(NEWEST)
    (first,) = _runs_once_claimed(on_celery, killed_in)
    lost = on_celery.worker_with(_task(first))
    on_celery.kill_worker(lost)
    retry = until(lambda: _retry_of(on_celery, killed_in), "a retry of the lost run")
    assert on_celery.worker_with(_task(retry)) != lost
    deployment.mx.behaves(MERCHANT, latency_ms=0)

    # Redis restarts, with nothing in it, under a run that goes on.
    undisturbed = deployment.ask(OTHER)
    (alone,) = _runs_once_claimed(on_celery, undisturbed)
    on_celery.redis_restarts_and_has_forgotten_everything()
    answers = [deployment.answered(request) for request in (killed_in, undisturbed)]

    # A person presses Terminate.
    cancelled = deployment.ask(THIRD)
    (ended,) = _runs_once_claimed(on_celery, cancelled)
    on_celery.ui.ask(TERMINATE, id=ended["runId"])
    until(lambda: _statuses(on_celery, cancelled) == ["CANCELED"], "a run that ends as cancelled")
    deployment.answered(cancelled)
    never_begun = _cancelled_before_any_worker_takes_them(on_celery, worker="two" if lost == "one" else "one")

    assert [answer.outcome for answer in answers] == ["success", "success"]
    assert _differences(on_celery) == []
    assert _statuses(on_celery, killed_in) == ["FAILURE", "SUCCESS"]
    until(lambda: _statuses(on_celery, undisturbed) == ["SUCCESS"], "one run, and no retry of it")
    assert [run["runId"] for run in _runs(on_celery, undisturbed)] == [alone["runId"]]
    for request in (cancelled, *never_begun):
        assert _statuses(on_celery, request) == ["CANCELED"]
        assert deployment.answered(request).outcome == "cancelled"
    assert deployment.warehouse.rows(BEGUN, requests=never_begun) == []


def _cancelled_before_any_worker_takes_them(on_celery: OnCelery, *, worker: str) -> list[int]:
    """Redis keeps the tasks of two runs; one is ended in the UI, one by a command; then a worker comes for them."""
    deployment = on_celery.deployment
    on_celery.kill_worker(worker)
    in_the_ui, by_command = requests = [deployment.ask(OTHER), deployment.ask(THIRD)]
    for request in requests:
        until(lambda one=request: _has_task(on_celery, one), f"a task for request {request}")

    run_id = _runs(on_celery, in_the_ui)[0]["runId"]
    assert on_celery.ui.ask(TERMINATE, id=run_id)["__typename"] == "TerminateRunFailure"
    assert on_celery.ui.ask(END_AT_ONCE, id=run_id)["__typename"] == "TerminateRunSuccess"
    assert CommandLine(deployment.environment)("cancel", by_command).code == 0
    for request in requests:
        until(lambda one=request: _statuses(on_celery, one) == ["CANCELED"], f"the end of request {request}")
    # Redis hands out in turn: whoever comes after them is answered after they were taken.
    after_them = deployment.ask(MERCHANT)
    on_celery.start_worker(worker)

    assert deployment.answered(after_them).outcome == "success"
    return requests


def _has_task(on_celery: OnCelery, request: int) -> bool:
    return any(
        run["status"] == "STARTING" and DAGSTER_CELERY_TASK_ID_TAG in {tag["key"] for tag in run["tags"]}
        for run in _runs(on_celery, request)
    )


def _stop_the_clock(on_celery: OnCelery) -> None:
    """Nobody but this test asks for a sync."""
    schedule = on_celery.ui.ask(SCHEDULE, selector={**WHERE, "scheduleName": "rounds"})
    stopped = on_celery.ui.ask(STOP, id=schedule["scheduleState"]["id"])
    assert stopped == {"__typename": "ScheduleStateResult"}


def _runs_once_claimed(on_celery: OnCelery, request: int) -> list[Any]:
    until(lambda: on_celery.deployment.warehouse.rows(CLAIMED, r=request), f"a run of request {request}")
    return _runs(on_celery, request)


def _retry_of(on_celery: OnCelery, request: int) -> Any:
    runs = _runs(on_celery, request)
    return runs[1] if len(runs) > 1 and runs[1]["status"] == "STARTED" else None


def _runs(on_celery: OnCelery, request: int) -> list[Any]:
    """Oldest first."""
    found = on_celery.ui.ask(RUNS, id=str(request))["results"]
    return sorted(found, key=lambda run: run["creationTime"])


def _task(run: Any) -> str:
    """The Celery task of a run that was launched."""
    return next(tag["value"] for tag in run["tags"] if tag["key"] == DAGSTER_CELERY_TASK_ID_TAG)


def _statuses(on_celery: OnCelery, request: int) -> list[str]:
    return [run["status"] for run in _runs(on_celery, request)]


def _differences(on_celery: OnCelery) -> list[str]:
    mx, warehouse = on_celery.deployment.mx, on_celery.deployment.warehouse
    return [
        difference
        for merchant in (MERCHANT, OTHER)
        for difference in (
            oracle.differences(oracle.payments_in(warehouse, merchant), oracle.true_payments(mx, merchant))
            + oracle.differences(oracle.invoices_in(warehouse, merchant), oracle.true_invoices(mx, merchant))
        )
    ]
