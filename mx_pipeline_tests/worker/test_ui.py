"""What a person does in the Dagster UI, through its own GraphQL, with the daemon and real run processes behind it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mx_pipeline.defs.rounds import OP
from mx_pipeline.local.children import Children
from mx_pipeline.local.dagster_parts import listening, start_dagster
from mx_pipeline.synthetic_mx import FixedAnswer
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.worker.conftest import Deployment, until

WHERE = {"repositoryLocationName": "mx_pipeline", "repositoryName": "__repository__"}
ASSETS = [
    {"path": ["mx", name]} for name in ("payments", "invoice_map", "invoice_details", "enriched_transactions")
]
BACKFILL = """mutation ($params: LaunchBackfillParams!) {
    launchPartitionBackfill(backfillParams: $params) { __typename ... on LaunchBackfillSuccess { backfillId } } }"""
BACKFILL_STATUS = """query ($id: String!) {
    partitionBackfillOrError(backfillId: $id) { __typename ... on PartitionBackfill { status } } }"""
PARTITIONS = """{ assetNodeOrError(assetKey: {path: ["mx", "payments"]}) { ... on AssetNode { assetPartitionStatuses {
    ... on DefaultPartitionStatuses { materializedPartitions failedPartitions } } } } }"""
PARTITION_KEYS = (
    """{ assetNodeOrError(assetKey: {path: ["mx", "payments"]}) { ... on AssetNode { partitionKeys } } }"""
)
LAUNCH = """mutation ($params: ExecutionParams!) {
    launchRun(executionParams: $params) { __typename ... on LaunchRunSuccess { run { runId } } } }"""
RUN_STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
TERMINATE = "mutation ($id: String!) { terminateRun(runId: $id) { __typename } }"


class Ui:
    """The webserver's GraphQL, as the browser asks it."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/graphql"

    def ask(self, query: str, **variables: object) -> Any:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            told = json.load(answer)
        assert "errors" not in told, told
        (value,) = told["data"].values()
        return value


@pytest.fixture
def ui(deployment: Deployment, tmp_path: Path) -> Iterator[Ui]:
    with Children(tmp_path / "logs", deployment.environment) as children:
        yield Ui(start_dagster(children, tmp_path, ui=listening()))


@pytest.mark.begins_early
@pytest.mark.timeout(300)
def test_terminate_stops_a_round_within_a_page_and_a_backfill_spares_whoever_did_not_fail(
    deployment: Deployment, ui: Ui
) -> None:
    alfa, bravo, charlie, delta, slow, unread = [
        deployment.add(MERCHANT + number, payments=2000 if number == 4 else 30) for number in range(6)
    ]
    for merchant in (alfa, bravo, charlie, delta, slow):
        _is_not_due(deployment, merchant)
    deployment.mx.answers(FixedAnswer(endpoint="payments", merchant_id=bravo, status=400, body="", name="no"))
    deployment.mx.behaves(slow, latency_ms=300, payment_page_cap=10)
    until(lambda: len(ui.ask(PARTITION_KEYS)["partitionKeys"]) == 6, "a partition for each merchant")
    backfill = ui.ask(
        BACKFILL,
        params={"assetSelection": ASSETS, "partitionNames": [str(one) for one in (alfa, bravo, delta)]},
    )["backfillId"]

    round_id = ui.ask(LAUNCH, params=_round_an_hour_from_now([slow]))["run"]["runId"]
    until(
        lambda: deployment.warehouse.rows("SELECT FROM mx.payments WHERE merchant_id = :m", m=slow),
        "the first page of the slow one",
    )
    ui.ask(TERMINATE, id=round_id)
    terminated_at = datetime.now(UTC)
    until(lambda: ui.ask(RUN_STATUS, id=round_id)["status"] == "CANCELED", "the end of the round")
    seconds = (datetime.now(UTC) - terminated_at).total_seconds()

    assert seconds < 15
    (answer,) = deployment.warehouse.rows(
        "SELECT status, outcome FROM mx.sync_requests WHERE merchant_id = :m", m=slow
    )
    assert answer == ("done", "cancelled")
    status = until(
        lambda: (found := ui.ask(BACKFILL_STATUS, id=backfill)["status"]).startswith("COMPLETED") and found,
        "the end of the backfill",
    )
    assert status == "COMPLETED_FAILED"
    shown = ui.ask(PARTITIONS)["assetPartitionStatuses"]
    assert set(shown["failedPartitions"]) == {str(bravo)}
    assert {str(alfa), str(delta)} <= set(shown["materializedPartitions"])
    assert str(charlie) not in shown["materializedPartitions"] + shown["failedPartitions"]
    lanes = deployment.warehouse.rows(
        "SELECT DISTINCT lane, asked_through FROM mx.sync_requests WHERE merchant_id = ANY (:m)",
        m=[alfa, bravo, delta],
    )
    assert lanes == [(3, "dagster")]
    until(lambda: _is_synced(deployment, unread), "the clock's own round over the one that was never synced")


def _round_an_hour_from_now(merchants: list[int]) -> dict[str, Any]:
    """Whoever is not due now is due then."""
    config = {"planned_at": (datetime.now(UTC) + timedelta(minutes=61)).isoformat(), "merchants": merchants}
    return {
        "selector": {**WHERE, "jobName": "sync_round"},
        "runConfigData": {"ops": {OP: {"config": config}}},
        "mode": "default",
    }


def _is_synced(deployment: Deployment, merchant: int) -> bool:
    asked = "SELECT FROM mx.sync_requests WHERE merchant_id = :m AND asked_through = 'schedule' AND outcome = 'success'"
    return bool(deployment.warehouse.rows(asked, m=merchant))


def _is_not_due(deployment: Deployment, merchant: int) -> None:
    deployment.warehouse.damage(
        "INSERT INTO mx.sync_state (merchant_id, stream, completed_at) VALUES (:m, 'payments', now())",
        m=merchant,
    )
