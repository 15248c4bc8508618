"""C5: while one tenant reads a thousand pages, another's hundred payments begin at once and take hardly longer."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from mx_pipeline.access import OPERATOR
from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

OTHER = MERCHANT + 1
PAGES = 1000
BEGINS_WITHIN_SECONDS = 0.5
TIMES_ALONE = 2.0
ROUNDS = 3
TOOK = (
    "SELECT extract(epoch FROM run.started_at - asked_at)::float8 AS waited,"
    " extract(epoch FROM request.finished_at - asked_at)::float8 AS took, request.outcome"
    " FROM mx.sync_requests AS request JOIN mx.sync_runs AS run USING (merchant_id, request_id)"
    " WHERE request.request_id = :request"
)


def hundred(clinic: Clinic) -> Any:
    """Ask for the newest hundred as a person does; when it began and ended, by the database's clock."""
    with clinic.warehouse.app.merchant(clinic.merchant_id, person=OPERATOR) as tenant:
        request = ask(tenant, SyncRequest("user:somebody", "api", mode="latest", latest=100))
    clinic.answerer.answer(clinic.merchant_id, request)
    (row,) = clinic.rows(TOOK, request=request)
    return row


def test_c5_in_one_process_a_thousand_pages_hold_up_nobody_elses_hundred_payments(
    a_clinic: Callable[..., Clinic], record_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(20261123)
    large, small = a_clinic(payments=PAGES), a_clinic(OTHER, payments=300)
    large.mx.behaves(MERCHANT, payment_page_cap=1, latency_ms=dice.randint(5, 25))
    small.mx.behaves(OTHER, latency_ms=dice.randint(80, 160))
    hundred(small)
    forget(small)
    alone = hundred(small).took
    reports: list[SyncReport] = []
    # One answerer for both, as inside one run: the same connections, threads beside each other.
    reading = threading.Thread(
        target=lambda: reports.append(small.answerer.ask_and_answer(MERCHANT, SyncRequest("user:a", "api")))
    )
    reading.start()
    while not large.rows("SELECT FROM mx.payments WHERE merchant_id = :m", m=MERCHANT):
        time.sleep(0.02)

    beside = []
    for _ in range(ROUNDS):
        forget(small)
        time.sleep(dice.uniform(0, 0.3))
        beside.append(hundred(small))
    is_still_reading = reading.is_alive()
    with large.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        tenant.run("leases", "ask_to_stop", message="seen enough", holder=small.answerer.name)
    reading.join(60)

    record_property(
        "told", f"C5 in one process: alone {alone:.2f} s, beside {[round(row.took, 2) for row in beside]} s"
    )
    assert is_still_reading, "the large one was under way all the time"
    assert {row.outcome for row in beside} == {"success"}
    assert max(row.waited for row in beside) <= BEGINS_WITHIN_SECONDS
    assert sorted(row.took for row in beside)[ROUNDS // 2] <= TIMES_ALONE * alone
    assert reports[0].outcome == "cancelled"


def forget(clinic: Clinic) -> None:
    """So that the hundred cost their invoices each time."""
    clinic.warehouse.damage(
        "DELETE FROM mx.enriched_transactions WHERE merchant_id = :m", m=clinic.merchant_id
    )
    for table in ("invoice_documents", "invoice_map"):
        clinic.warehouse.damage(f"DELETE FROM mx.{table} WHERE merchant_id = :m", m=clinic.merchant_id)
