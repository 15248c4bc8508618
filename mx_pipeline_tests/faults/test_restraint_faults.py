"""MX asks for fewer calls, or answers nobody for a while: the sync waits as told, or says when it goes on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Timer

import msgspec
import pytest

from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.synthetic_mx import FixedAnswer, faults
from mx_pipeline_tests.fakes.clinic import QUICK
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.held import together
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

IN_FLIGHT_AT_FIRST, IN_FLIGHT_AT_MOST = 8, 16
PAGES = 4
BURST_SECONDS, FULL_BURST_SECONDS = 2, 30


def test_h1_two_seconds_are_waited_for_by_every_call_of_the_key(examination: Examination) -> None:
    clinic = examination.clinic(payments=60)
    clinic.mx.answers(
        FixedAnswer(status=429, body="", headers={"retry-after": "2"}, endpoint="invoice", skip=3, times=1)
    )

    report = examination.sync(clinic)

    assert report.seconds >= 2
    assert examination.outcomes(clinic, report)["mx_rate_limited"] == 1
    examination.is_whole(clinic, report)


@pytest.mark.parametrize("told", ["Thu, 01 Jan 2009 00:00:00 GMT", "abc", "-5", ""])
def test_h2_a_date_in_the_past_and_junk_cost_a_back_off(examination: Examination, told: str) -> None:
    clinic = examination.clinic(payments=30)
    clinic.mx.answers(
        FixedAnswer(status=429, body="", headers={"retry-after": told}, endpoint="payments", times=1)
    )

    report = examination.sync(clinic)

    assert examination.outcomes(clinic, report)["mx_rate_limited"] == 1
    examination.is_whole(clinic, report)


@pytest.mark.parametrize("told", ["86400", "tomorrow's date"])
def test_h2_a_pause_above_the_cap_parks_the_run_and_says_until_when(
    examination: Examination, told: str
) -> None:
    clinic = examination.clinic(payments=40)
    later = datetime.now(UTC) + timedelta(days=1)
    header = told if told.isdigit() else format_datetime(later, usegmt=True)
    clinic.mx.answers(FixedAnswer(status=429, body="", headers={"retry-after": header}, endpoint="invoices"))

    report = examination.sync(clinic, calls_at_most=1 + IN_FLIGHT_AT_MOST)

    assert report.outcome == "rate_limited"
    resumes_at = datetime.fromisoformat(str(report.stats["resumesAt"]))
    assert abs((resumes_at - later).total_seconds()) < 300
    assert f"Resumes at {resumes_at:%Y-%m-%d %H:%M:%S} UTC." in report.message
    assert clinic.rows("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT) == [(40,)]
    again = examination.sync(clinic, calls_at_most=0)
    assert again.outcome == "rate_limited"


def test_h3_a_burst_of_429_without_a_header_is_outlasted(examination: Examination) -> None:
    clinic = examination.clinic(payments=60)
    # Half of them are in flight before the first answer comes: else one call alone could get five of the ten.
    clinic.mx.answers(
        together(FixedAnswer(status=429, body="", endpoint="invoice", times=10), IN_FLIGHT_AT_FIRST)
    )

    report = examination.sync(clinic)

    assert examination.outcomes(clinic, report)["mx_rate_limited"] == 10
    examination.is_whole(clinic, report)


def test_h4_429_for_ever_keeps_what_is_there_and_says_so(examination: Examination) -> None:
    clinic = examination.clinic(payments=40)
    clinic.mx.answers(FixedAnswer(status=429, body="", endpoint="invoices", merchant_id=MERCHANT))

    report = examination.sync(clinic, calls_at_most=1 + QUICK.tries * 2)

    assert report.outcome == "rate_limited"
    assert "resumesAt" in report.stats
    assert report.stats["transactionsStored"] == 40
    assert clinic.rows("SELECT count(*) FROM mx.credential_budgets WHERE opened_at IS NOT NULL") == [(0,)]
    examination.heals(clinic)


def test_h6_a_burst_of_5xx_is_outlasted_from_the_page_where_it_began(
    examination: Examination, *, is_full_length: bool
) -> None:
    """With --full-length: 30 s, and the limits as they are in production."""
    seconds = FULL_BURST_SECONDS if is_full_length else BURST_SECONDS
    scaled = msgspec.structs.replace(QUICK, cool_down_cap_seconds=0.5)
    limits = CallLimits() if is_full_length else scaled
    clinic = examination.clinic(payments=30 * PAGES, limits=limits)
    clinic.mx.behaves(MERCHANT, payment_page_cap=30)
    clinic.mx.answers(faults.fails(503, skip=2))
    burst = Timer(seconds, clinic.mx.answers_truthfully)
    began = time.monotonic()
    burst.start()

    report = examination.sync(clinic, seconds_at_most=3 * seconds + 30)

    burst.join()
    assert time.monotonic() - began > seconds
    outcomes = examination.outcomes(clinic, report)
    failed = sum(outcomes.values()) - outcomes["ok"]
    outage = time.monotonic() - began
    probes = (
        outage if is_full_length else outage / scaled.cool_down_cap_seconds
    ) + 8  # the first come sooner
    assert (
        limits.breaker_failures <= failed <= IN_FLIGHT_AT_MOST + probes
    )  # what was in flight, and the probes
    assert clinic.rows(
        "SELECT sum(calls) FROM mx.api_usage WHERE endpoint = 'payment_list' AND outcome = 'ok' AND run_id = :run",
        run=report.run_id,
    ) == [(PAGES,)]
    examination.is_whole(clinic, report)
