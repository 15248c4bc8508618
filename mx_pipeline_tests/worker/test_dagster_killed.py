"""P13: whatever of Dagster is killed, who asks is answered, and what ran ends."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import dagster as dg
import pytest

from mx_pipeline.local.children import Children
from mx_pipeline.local.dagster_parts import listening, start_dagster
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.worker.conftest import Deployment, until

OTHER = MERCHANT + 1
NOT_DUE = "UPDATE mx.mx_merchant_configs SET created_at = now() + interval '1 hour'"
"""The clock leaves them alone: who asks here is to be the only one."""
CLAIMED = "SELECT claimed_by FROM mx.sync_requests WHERE request_id = :r AND status = 'claimed'"


@pytest.mark.begins_early
def test_p13_kill_9_of_code_server_daemon_and_webserver_leaves_those_who_ask_alone(
    deployment: Deployment, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    for merchant in (MERCHANT, OTHER):
        deployment.add(merchant, payments=300)
        deployment.mx.behaves(merchant, latency_ms=300, payment_page_cap=10)
    deployment.warehouse.damage(NOT_DUE)
    with Children(tmp_path / "logs", deployment.environment) as dagster:
        start_dagster(dagster, tmp_path, ui=listening())
        launched = deployment.ask(MERCHANT)
        until(lambda: deployment.warehouse.rows(CLAIMED, r=launched), "a run that the daemon has launched")
        deployment.work()
        running = deployment.ask(OTHER)
        until(lambda: deployment.warehouse.rows(CLAIMED, r=running), "a run of the worker")

        for part in dagster.started:
            os.kill(part.process.pid, signal.SIGKILL)
        for merchant in (MERCHANT, OTHER):
            deployment.mx.behaves(merchant, latency_ms=0)
        answers = [deployment.answered(request) for request in (running, launched)]
        afterwards = deployment.answered(deployment.ask(OTHER))

    assert [answer.outcome for answer in (*answers, afterwards)] == ["success"] * 3
    assert {part.process.returncode for part in dagster.started} <= {-signal.SIGKILL}
    of_the_worker = deployment.warehouse.value(
        "SELECT dagster_run_id FROM mx.sync_runs WHERE request_id = :r", r=running
    )
    assert instance.get_run_by_id(of_the_worker).status == dg.DagsterRunStatus.SUCCESS
