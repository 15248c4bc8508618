"""A person who asks waits for MX, not for us; and whatever happens to a worker, each request is answered once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import dagster as dg
import psutil

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.worker.conftest import Deployment, until

OTHER = MERCHANT + 1
TOOK = (
    "SELECT extract(epoch FROM run.started_at - asked_at)::float8 AS waited,"
    " extract(epoch FROM request.finished_at - asked_at)::float8 AS took"
    " FROM mx.sync_requests AS request JOIN mx.sync_runs AS run USING (merchant_id, request_id)"
    " WHERE request.request_id = :request"
)


def is_running(pid: int) -> bool:
    """Not where it has ended and its new parent, a container's first process maybe, has not looked yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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


def test_of_two_workers_one_is_killed_and_every_request_is_answered_exactly_once(
    deployment: Deployment,
) -> None:
    merchants = [deployment.add(MERCHANT + number, payments=300) for number in range(4)]
    for merchant in merchants:
        deployment.mx.behaves(merchant, latency_ms=150)
    doomed, _ = deployment.work(), deployment.work()
    requests = [deployment.ask(merchant) for merchant in merchants]
    second_click = deployment.ask(merchants[0])
    until(
        lambda: deployment.warehouse.rows("SELECT FROM mx.sync_runs HAVING count(*) = 2"), "two syncs at once"
    )

    orphans = deployment.children(doomed)
    os.killpg(doomed.pid, signal.SIGKILL)
    for merchant in merchants:
        deployment.mx.behaves(merchant, latency_ms=0)
    answers = [deployment.answered(request) for request in [*requests, second_click]]

    assert {answer.outcome for answer in answers} == {"success"}
    assert answers[0].run_id == answers[-1].run_id, "C1: the second click joined the same run"
    ended = deployment.warehouse.rows(
        "SELECT merchant_id, count(*) FILTER (WHERE outcome = 'success') AS good, count(*) AS runs"
        " FROM mx.sync_runs GROUP BY 1 ORDER BY 1"
    )
    assert [row.good for row in ended] == [1] * 4
    assert sum(row.runs for row in ended) == 5, "one was lost, and says so"
    until(lambda: not any(is_running(pid) for pid in orphans), "the end of the killed worker's children")


def test_c5_beside_a_thousand_pages_of_another_a_hundred_payments_begin_at_once(
    deployment: Deployment, record_property: Callable[[str, object], None]
) -> None:
    deployment.add(payments=1000)
    deployment.add(OTHER, payments=300)
    deployment.mx.behaves(MERCHANT, payment_page_cap=1, latency_ms=15)
    deployment.mx.behaves(OTHER, latency_ms=120)
    deployment.work(children=2)

    def hundred() -> Any:
        for table in ("enriched_transactions", "invoice_documents", "invoice_map"):
            deployment.warehouse.damage(f"DELETE FROM mx.{table} WHERE merchant_id = :m", m=OTHER)
        request = deployment.ask(OTHER, mode="latest", latest=100)
        assert deployment.answered(request).outcome == "success"
        return deployment.warehouse.rows(TOOK, request=request)[0]

    hundred()  # its children are warm now
    hundred()
    alone = [hundred() for _ in range(2)]
    deployment.ask(through="dagster", mode="full")
    until(
        lambda: deployment.warehouse.rows("SELECT FROM mx.payments WHERE merchant_id = :m", m=MERCHANT),
        "a page",
    )
    beside = [hundred() for _ in range(3)]
    is_still_reading = deployment.warehouse.rows(
        "SELECT FROM mx.sync_runs WHERE merchant_id = :m AND finished_at IS NULL", m=MERCHANT
    )

    told = {
        "alone": [round(row.took, 2) for row in alone],
        "beside": [round(row.took, 2) for row in beside],
        "waited beside": [round(row.waited, 2) for row in beside],
    }
    record_property("told", f"C5 with a worker of two children: {told} s")
    assert is_still_reading, "the thousand pages were under way all the time"
    assert sorted(row.waited for row in beside)[1] <= 0.5
    assert sorted(row.took for row in beside)[1] <= 2 * max(row.took for row in alone)
