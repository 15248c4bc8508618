"""From MX's ring to the enriched row: a worker that nobody told anything but the bell."""

from __future__ import annotations

import time

from mx_pipeline_tests.fakes.ringing import a_body, a_key, heard
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.worker.conftest import Deployment, until

WAITING = "SELECT FROM mx.webhook_inbox WHERE handled_at IS NULL"
SOON_SECONDS = 60
"""The clock asks a quarter of an hour after the last sync, and nobody else ever does."""


def test_what_mx_rings_for_is_an_enriched_row_within_seconds_and_a_run_of_dagster(
    deployment: Deployment,
) -> None:
    deployment.add(payments=30)
    key = a_key(deployment.warehouse)
    deployment.work()
    deployment.answered(deployment.ask())
    deployment.mx.receives(MERCHANT, payments=2)
    new = [int(row["id"]) for row in deployment.mx.whole_list(MERCHANT, "payments")[:2]]
    deployment.mx.reset_calls()

    began = time.monotonic()
    heard(deployment.warehouse, key, *(a_body(payment) for payment in new))
    until(lambda: not deployment.warehouse.rows(WAITING), "the notifications handled")
    took = time.monotonic() - began

    assert took < SOON_SECONDS
    enriched = "SELECT count(*) FROM mx.enriched_transactions WHERE mx_payment_id = ANY (:ids)"
    assert deployment.warehouse.value(enriched, ids=new) == 2
    assert deployment.mx.call_count(MERCHANT) <= 4
    ((outcome, dagster_run),) = deployment.warehouse.rows(
        "SELECT outcome, dagster_run_id FROM mx.sync_runs WHERE mode = 'named' ORDER BY run_id LIMIT 1"
    )
    assert (outcome, bool(dagster_run)) == ("success", True)
