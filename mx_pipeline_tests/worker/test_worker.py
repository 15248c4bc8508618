"""A person who asks waits for MX, not for us; and whatever happens to a worker, each request is answered once."""

from __future__ import annotations

import os
import signal

import dagster as dg

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.worker.conftest import Deployment, until

OTHER = MERCHANT + 1


def test_each_request_is_answered_once_and_is_a_run_like_any_other(deployment: Deployment) -> None:
    deployment.add()
    deployment.work()

    answers = [deployment.answered(deployment.ask()) for _ in range(3)]

    assert [(answer.outcome, answer.attempt) for answer in answers] == [("success", 1)] * 3
    assert all(run for (run,) in deployment.warehouse.rows("SELECT dagster_run_id FROM mx.sync_runs"))


def test_two_workers_answer_each_request_once(deployment: Deployment) -> None:
    merchants = [deployment.add(MERCHANT + number) for number in range(6)]
    deployment.work(), deployment.work()

    requests = [deployment.ask(merchant) for merchant in merchants]

    assert {deployment.answered(request).outcome for request in requests} == {"success"}
    assert deployment.warehouse.value("SELECT count(*) FROM mx.sync_runs") == 6


def test_a_child_that_dies_is_replaced_and_its_request_is_answered_by_another(deployment: Deployment) -> None:
    deployment.add(payments=2000)
    deployment.mx.behaves(MERCHANT, latency_ms=200)
    worker = deployment.work()
    (child,) = deployment.children(worker)

    request = deployment.ask()
    until(lambda: deployment.warehouse.rows("SELECT FROM mx.sync_runs"), "the start of the sync")
    os.kill(child, signal.SIGKILL)
    deployment.mx.behaves(MERCHANT, latency_ms=0)
    answer = deployment.answered(request)

    assert (answer.outcome, answer.attempt) == ("success", 2)
    assert child not in deployment.children(worker)


def test_sigterm_ends_every_process(deployment: Deployment) -> None:
    worker = deployment.work(children=2)

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(30) == 0


def test_terminate_in_the_ui_stops_a_run_within_a_page_and_the_run_is_cancelled(
    deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    deployment.add(payments=2000)
    deployment.mx.behaves(MERCHANT, latency_ms=200)
    deployment.work()
    request = deployment.ask()
    until(lambda: deployment.warehouse.rows("SELECT FROM mx.payments"), "the first page")
    run_id = deployment.warehouse.value("SELECT dagster_run_id FROM mx.sync_runs")

    assert instance.run_coordinator.cancel_run(run_id)
    answer = deployment.answered(request)
    until(lambda: instance.get_run_by_id(run_id).is_finished, "the end of the run")

    assert answer.outcome == "cancelled"
    assert instance.get_run_by_id(run_id).status == dg.DagsterRunStatus.CANCELED
    assert deployment.mx.call_count(MERCHANT) < 500


def test_p14_sigterm_hands_a_running_sync_on_to_the_next_worker(deployment: Deployment) -> None:
    deployment.add(payments=1000)
    deployment.mx.behaves(MERCHANT, latency_ms=200)
    worker = deployment.work()
    request = deployment.ask()
    until(lambda: deployment.warehouse.rows("SELECT FROM mx.payments"), "the first page")

    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    deployment.mx.behaves(MERCHANT, latency_ms=0)
    deployment.work()

    assert deployment.answered(request).outcome == "success"
    assert [
        run for (run,) in deployment.warehouse.rows("SELECT outcome FROM mx.sync_runs ORDER BY run_id")
    ] == [
        "cancelled",
        "success",
    ]
