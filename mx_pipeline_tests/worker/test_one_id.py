"""One id leads from whoever called over HTTP to the statement in Postgres, through three processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests

from mx_pipeline.sync.orders import Phase
from mx_pipeline_tests.fakes.people import has_person_as, token_of
from mx_pipeline_tests.fakes.small_collector import Came, SmallCollector
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.worker.conftest import ENOUGH_SECONDS, Deployment, until

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
WAITING = (
    "SELECT application_name FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name LIKE '%#%'"
)


@pytest.fixture
def collector() -> Iterator[SmallCollector]:
    with SmallCollector.in_thread() as collector:
        yield collector


def lines_of(*logs: Path) -> list[dict[str, Any]]:
    """Every line of them, each a JSON object."""
    return [json.loads(line) for log in logs for line in log.read_text().splitlines()]


def test_one_id_leads_from_the_caller_to_the_statement(
    deployment: Deployment,
    collector: SmallCollector,
    database_url: str,
    unused_port: int,
    tmp_path: Path,
) -> None:
    deployment.environment |= {"MX_LOG_FORMAT": "json", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    worked, answered = tmp_path / "worker.log", tmp_path / "serve.log"
    served = deployment.serve(log=answered)
    deployment.add()
    token = token_of(deployment.warehouse, has_person_as(deployment.warehouse, "tenant_admin", MERCHANT))
    deployment.work(1, "--metrics-port", str(unused_port), log=worked)

    with closing(psycopg2.connect(database_url)) as holder, holder.cursor() as cursor:
        cursor.execute("LOCK TABLE mx.payments")
        asked = requests.post(
            f"{served.url}/api/sync/manual",
            json={"merchantId": MERCHANT},
            headers={
                "Authorization": f"Bearer {token}",
                "traceparent": f"00-{TRACE}-{CALLER}-01",
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
    figures = requests.get(f"http://127.0.0.1:{unused_port}/metrics", timeout=ENOUGH_SECONDS)
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
    lines = lines_of(answered, worked)
    of_it = [line for line in lines if line.get("request_id") == request.request_id]
    assert {line.get("correlation_id") for line in of_it} == {TRACE}
    told = {line["message"]: line for line in of_it}
    assert told["a sync is asked for"]["merchant_id"] == MERCHANT
    ended = told["a sync ended"]
    assert (ended["outcome"], ended["run_id"], ended["merchant_id"]) == ("success", answer.run_id, MERCHANT)
    assert [line for line in of_it if line["logger"] == "dagster" and "RUN_SUCCESS" in line["message"]]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    everything = answered.read_bytes() + worked.read_bytes() + b"".join(collector.bodies)
    assert token.encode() not in everything
    assert b"Clinic" not in everything
    nested(collector.spans, answer.run_id)


def nested(spans: list[Came], run_id: int) -> None:
    """The call, in it the sync, in it its phases: one trace, the caller's own."""
    of_it = [span for span in spans if span.trace == TRACE]
    (call,) = [span for span in of_it if span.parent == CALLER]
    (sync,) = [span for span in of_it if span.parent == call.span]
    phases = [span for span in of_it if span.parent == sync.span]
    assert len(of_it) == 2 + len(phases), [span.name for span in of_it]
    assert (call.name, call.attributes["status"], call.service) == (
        "POST /api/sync/manual",
        "202",
        "mx-pipeline",
    )
    told = {name: sync.attributes[name] for name in ("merchant_id", "run_id", "outcome")}
    assert told == {"merchant_id": str(MERCHANT), "run_id": str(run_id), "outcome": "success"}
    assert [span.name for span in phases] == [f"phase {phase}" for phase in Phase]
    assert int(sync.attributes["calls"]) >= int(phases[0].attributes["calls"]) > 0
    assert not any(span.failed for span in of_it)
