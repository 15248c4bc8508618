"""One id leads from whoever called over HTTP to the statement in Postgres, through three processes."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests

from mx_pipeline_tests.fakes.people import has_person_as, token_of
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.worker.conftest import ENOUGH_SECONDS, Deployment, until

TRACE = "0af7651916cd43dd8448eb211c80319c"
WAITING = (
    "SELECT application_name FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name LIKE '%#%'"
)


@pytest.fixture
def serving(deployment: Deployment, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """`mx-pipeline serve`: where it is, and where its lines go."""
    deployment.environment["MX_LOG_FORMAT"] = "json"
    log = tmp_path / "serve.log"
    with log.open("wb") as lines:
        server = subprocess.Popen(
            [sys.executable, "-m", "mx_pipeline.operations", "serve", "--port", "0"],
            env=deployment.environment,
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
        )
    with server:
        assert server.stdout is not None
        yield server.stdout.readline().split(" on ")[1].split(";")[0], log
        server.terminate()
        server.wait(ENOUGH_SECONDS)


def lines_of(*logs: Path) -> list[dict[str, Any]]:
    """Every line of them, each a JSON object."""
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def test_one_id_leads_from_the_caller_to_the_statement(
    deployment: Deployment, serving: tuple[str, Path], database_url: str, tmp_path: Path
) -> None:
    url, served = serving
    worked = tmp_path / "worker.log"
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    deployment.add()
    token = token_of(deployment.warehouse, has_person_as(deployment.warehouse, "tenant_admin", MERCHANT))
    deployment.work(1, "--metrics-port", str(port), log=worked)

    with closing(psycopg2.connect(database_url)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE mx.payments")
        asked = requests.post(
            f"{url}/api/sync/manual",
            json={"merchantId": MERCHANT},
            headers={
                "Authorization": f"Bearer {token}",
                "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
                "X-Request-Id": "not a\tplain word",
            },
            timeout=ENOUGH_SECONDS,
        )
        seen = until(lambda: deployment.warehouse.rows(WAITING), "a statement that waits")
        holder.rollback()
    (request,) = deployment.warehouse.rows(
        "SELECT request_id, correlation_id, traceparent FROM mx.sync_requests"
    )
    answer = deployment.answered(request.request_id)
    figures = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=ENOUGH_SECONDS)
    deployment.stop()

    assert (asked.status_code, asked.headers["X-Request-Id"]) == (202, TRACE)
    assert (request.correlation_id, request.traceparent.split("-")[1]) == (TRACE, TRACE)
    assert f" #{request.request_id} {TRACE}"[:20] in seen[0].application_name
    assert answer.outcome == "success"
    assert "mx_up 1" in figures.text.splitlines(), "the worker's own port, given to the command"
    with (
        closing(psycopg2.connect(deployment.environment["DAGSTER_PG_URL"])) as dagster,
        dagster.cursor() as cursor,
    ):
        cursor.execute("SELECT value FROM run_tags WHERE key = 'mx/correlation'")
        assert cursor.fetchall() == [(TRACE,)]
    lines = lines_of(served, worked)
    of_it = [line for line in lines if line.get("request_id") == request.request_id]
    assert {line.get("correlation_id") for line in of_it} == {TRACE}
    told = {line["message"]: line for line in of_it}
    assert told["a sync is asked for"]["merchant_id"] == MERCHANT
    ended = told["a sync ended"]
    assert (ended["outcome"], ended["run_id"], ended["merchant_id"]) == ("success", answer.run_id, MERCHANT)
    assert [line for line in of_it if line["logger"] == "dagster" and "RUN_SUCCESS" in line["message"]]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    everything = served.read_text() + worked.read_text()
    assert token not in everything
    assert "Clinic" not in everything
