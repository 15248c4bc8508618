"""Many merchants at once: who leaves early stops them all, and whoever is waited for goes first."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from threading import Thread

from mx_pipeline.access import OPERATOR
from mx_pipeline.sync.fetching import UNWRITTEN_PER_CALL
from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.sync.rounds import Round
from mx_pipeline.sync.side_by_side import MERCHANTS_AT_ONCE, side_by_side
from mx_pipeline.sync.stopping import StopSign
from mx_pipeline.warehouse.due import due_merchants, overtaken
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.sync.conftest import Clinic

MOST_REPEATED = 16 * UNWRITTEN_PER_CALL
"""Answers that were under way, or not written, when the scheduled sync gave way: its one page of invoices."""
CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity WHERE usename = 'mx_loader' AND datname = current_database()
"""
A_WEEK_LATER = """
    UPDATE mx.sync_state
       SET daily_at = daily_at - interval '7 days', weekly_at = weekly_at - interval '7 days',
           completed_at = completed_at - interval '7 days';
    UPDATE mx.sync_requests SET finished_at = finished_at - interval '7 days'
"""


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat().replace("+00:00", "Z")


def test_whoever_leaves_stops_those_under_way_and_the_others_do_not_begin() -> None:
    begun, heeded = list[int](), list[int]()

    def sync(merchant: int, stop: StopSign) -> SyncReport | None:
        begun.append(merchant)
        with suppress(Exception):
            while merchant != 1:
                time.sleep(0.01)
                stop.heed()
        if merchant != 1:
            heeded.append(merchant)
        return a_report(merchant)

    with closing(side_by_side(range(1, 100), sync, stop=StopSign())) as reports:
        first = next(reports)
        time.sleep(0.1)

    assert first.merchant_id == 1
    assert len(begun) == 1 + MERCHANTS_AT_ONCE
    assert sorted(heeded) == sorted(begun)[1:]


def test_c2_an_emergency_goes_before_the_scheduled_sync_and_at_most_one_page_is_repeated(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic(payments=300)
    clinic.mx.behaves(MERCHANT, latency_ms=100)
    clinic.mx.reset_calls()
    scheduled = Round(clinic.answerer, datetime.now(UTC) + timedelta(seconds=1))
    reports = list[SyncReport]()
    running = Thread(
        target=lambda: reports.extend(scheduled.reports([MERCHANT], overtaken=waited_for(clinic)))
    )

    running.start()
    while not clinic.rows("SELECT FROM mx.invoice_documents WHERE raw_data IS NOT NULL"):
        time.sleep(0.05)
    with clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        wish = SyncRequest("user:x", "api", mode="latest", latest=200, emergency=True, reason="a test")
        emergency = ask(tenant, wish)
    running.join()
    waiting = clinic.rows("SELECT request_id, lane, status FROM mx.sync_requests ORDER BY lane")
    clinic.mx.behaves(MERCHANT, latency_ms=0)
    answers = [clinic.answerer.answer(MERCHANT, request_id) for request_id, _, _ in waiting]

    assert reports[0].is_interrupted
    assert [(row.lane, row.status) for row in waiting] == [(1, "asked"), (2, "asked")]
    assert waiting[0].request_id == emergency
    assert [answer.outcome for answer in answers] == ["success", "success"]
    (pages,) = clinic.rows("SELECT count(*) FROM mx.invoice_documents WHERE raw_data IS NOT NULL")
    assert clinic.mx.call_count(MERCHANT, "invoice") - pages[0] <= MOST_REPEATED
    assert clinic.mx.call_count(MERCHANT, "payments") <= 3
    assert clinic.differences() == []


def test_c11_many_merchants_due_at_once_take_a_handful_of_connections(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinics = [a_clinic(MERCHANT + number) for number in range(40)]
    answerer, warehouse = clinics[0].answerer, clinics[0].warehouse
    scheduled = Round(answerer, datetime.now(UTC) + timedelta(seconds=1))
    most = 0

    outcomes = Counter[str]()
    for report in scheduled.reports([clinic.merchant_id for clinic in clinics]):
        outcomes[report.outcome] += 1
        most = max(most, warehouse.value(CONNECTIONS))

    assert outcomes == {"success": 40}
    assert most <= MERCHANTS_AT_ONCE + 2, "each of those under way, the budgets' news and a sign of life"


def test_d20_the_weekly_tier_of_the_schedule_finds_a_chargeback_after_ninety_days(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic()
    (old,) = clinic.mx.has_payments(MERCHANT, {"source": "QuickPay", "created": ago(90), "status": "Settled"})
    clinic.mx.has_payments(
        MERCHANT, *({"source": "QuickPay", "created": ago(10 + n), "status": "Settled"} for n in range(40))
    )
    clinic.mx.behaves(MERCHANT, payment_page_cap=10)
    a_round(clinic)
    clinic.mx.change_payment(MERCHANT, old, status="Chargedback")
    clinic.warehouse.damage(A_WEEK_LATER)

    (report,) = a_round(clinic)

    assert report.outcome == "success"
    assert report.certificates[0].basis == "enumerated"
    ledger = "SELECT mx_payment_id, status_before, status FROM mx.payment_history"
    assert clinic.rows(ledger) == [(old, "Settled", "Chargedback")]


def a_round(clinic: Clinic) -> list[SyncReport]:
    """Of everyone who is due."""
    now = datetime.now(UTC) + timedelta(seconds=1)
    with clinic.warehouse.dispatcher.everyone() as session:
        due = due_merchants(session, now=now)
    assert [one.mode for one in due] == ["incremental"]
    return list(Round(clinic.answerer, now).reports([one.merchant_id for one in due]))


def waited_for(clinic: Clinic) -> Callable[..., set[int]]:
    def look(merchants: list[int]) -> set[int]:
        with clinic.warehouse.dispatcher.everyone() as session:
            return overtaken(session, merchants)

    return look


def a_report(merchant: int) -> SyncReport:
    now = datetime.now(UTC)
    return SyncReport(merchant, None, "success", "", now, now, 0.0)
