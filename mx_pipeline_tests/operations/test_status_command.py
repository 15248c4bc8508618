"""`mx-pipeline status`: freshness, outcome, proof."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from mx_pipeline.operations.tables import age
from mx_pipeline.synthetic_mx import FixedAnswer, SyntheticMx
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

Clinic = Callable[..., int]
TIMES_READING = 5
"""What the lines of all merchants may cost, against reading them and telling them as JSON."""
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_status_has_a_row_per_merchant_with_what_its_last_sync_proved(here: Here, clinic: Clinic) -> None:
    clinic(payments=3), clinic(MERCHANT + 1, payments=3)
    here("sync", MERCHANT)
    here("sync", MERCHANT + 1, "--detach")

    fresh, waiting = here("status", "--json").answer["merchants"]

    assert (fresh["merchant_id"], fresh["state"], fresh["last_outcome"]) == (MERCHANT, "active", "success")
    assert (fresh["certificate"], fresh["quarantined"], fresh["waiting_requests"]) == ("agrees", 0, 0)
    assert datetime.now(UTC) - datetime.fromisoformat(fresh["last_success_at"]) < timedelta(minutes=1)
    assert (waiting["last_outcome"], waiting["last_success_at"]) == (None, None)
    assert waiting["waiting_requests"] == 1


def test_status_of_one_merchant_is_about_that_one(here: Here, clinic: Clinic) -> None:
    clinic(), clinic(MERCHANT + 1)

    ran = here("status", MERCHANT + 1)

    assert str(MERCHANT + 1) in ran.out
    assert f" {MERCHANT} " not in ran.out


def test_the_open_set_is_counted_by_how_often_it_is_read_again(
    here: Here, clinic: Clinic, mx: SyntheticMx
) -> None:
    clinic()
    now = datetime.now(UTC)
    for days, status in (
        *((0, status) for status in ("Approved", "Settled", "Declined")),
        *((30, status) for status in ("Approved", "Settled", "Settled", "Settled", "Voided")),
        *((30, "Approved") for _ in range(1)),
        *((121, status) for status in ("Approved", "Settled")),
    ):
        created = (now - timedelta(days=days, hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        mx.has_payments(MERCHANT, {"created": created, "status": status, "source": "QuickPay"})
    here("sync", MERCHANT)

    told = here("status", "--json").answer["merchants"][0]
    words = here("status", MERCHANT).out

    assert told["open_set"] == {"each_sync": 2, "daily": 2, "weekly": 3}
    assert "2 are read again by each sync, 2 once a day, 3 once a week" in words


def test_status_of_one_merchant_shows_its_certificates(here: Here, clinic: Clinic) -> None:
    clinic(payments=20)
    unsynced = here("status", MERCHANT, "--json").answer["merchants"][0]
    here("sync", MERCHANT)

    told = here("status", MERCHANT, "--json").answer["merchants"][0]
    words = here("status", MERCHANT).out

    payments = next(one for one in told["certificates"] if one["stream"] == "payments")
    assert (unsynced["certificates"], unsynced["open_set"]) == ([], None)
    assert (payments["scope"], payments["basis"], payments["verdict"]) == (
        "all payments",
        "enumerated",
        "agrees",
    )
    assert payments["source_count"] == payments["our_count"] == 20
    assert payments["source_sum"] == payments["our_sum"] is not None
    assert {one["stream"] for one in told["certificates"]} == {"payments", "invoices"}
    assert payments["our_sum"] in words


def test_status_of_one_merchant_has_the_verdict_of_each_check(
    here: Here, clinic: Clinic, warehouse: WarehouseUnderTest
) -> None:
    clinic(payments=5)
    here("sync", MERCHANT)
    warehouse.damage("UPDATE mx.sync_state SET last_success_at = now() - interval '1 day'")

    checks = here("status", MERCHANT, "--json").answer["merchants"][0]["checks"]
    words = here("status", MERCHANT).out

    assert {name for name, one in checks.items() if not one["passed"]} == {"is_fresh"}
    assert len(checks) == 6
    assert checks["is_fresh"]["facts"]["age_seconds"] // 60 == 24 * 60
    assert "is fresh" in words
    assert words.count("passes") == 5
    assert words.count("FAILS") == 1


def test_h4_a_merchant_that_was_asked_for_fewer_calls_shows_when_it_resumes(
    here: Here, clinic: Clinic, mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic(payments=5)
    mx.answers(FixedAnswer(endpoint="invoices", status=429, headers={"Retry-After": "7200"}))

    ran = here("sync", MERCHANT)
    parked = here("status", MERCHANT, "--json").answer["merchants"][0]
    words = here("status").out
    ((of_run, of_state),) = warehouse.rows(
        "SELECT run.resumes_at, state.resumes_at FROM mx.sync_runs AS run"
        " JOIN mx.sync_state AS state USING (merchant_id) WHERE state.stream = 'payments'"
    )
    mx.answers_truthfully()
    warehouse.damage("UPDATE mx.credential_budgets SET paused_until = NULL")
    here("sync", MERCHANT)
    resumed = here("status", MERCHANT, "--json").answer["merchants"][0]

    resumes_at = datetime.fromisoformat(parked["resumes_at"])
    assert ran.code == 1
    assert f"Resumes at {resumes_at:%Y-%m-%d %H:%M:%S} UTC." in ran.out
    assert timedelta(hours=1.9) < resumes_at - datetime.now(UTC) < timedelta(hours=2.1)
    assert of_run == of_state == resumes_at
    assert (parked["last_outcome"], parked["open_set"]["each_sync"] >= 0) == ("rate_limited", True)
    assert f"rate_limited until {resumes_at:%Y-%m-%d %H:%M} UTC" in words
    assert (resumed["last_outcome"], resumed["resumes_at"]) == ("success", None)


def test_ten_thousand_merchants_are_told_of_in_plain_lines(here: Here, warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    warehouse.damage(
        "INSERT INTO mx.mx_merchant_configs (merchant_id, name, environment, timezone, consumer_key, consumer_secret,"
        " sealing_key_id) SELECT merchant_id + n, 'Clinic ' || n, environment, timezone, consumer_key,"
        " consumer_secret, sealing_key_id FROM mx.mx_merchant_configs, generate_series(1, 9999) AS n"
    )
    began = time.process_time()
    here("status", "--json")
    read = time.process_time() - began

    lines = here("status").out.splitlines()

    assert time.process_time() - began - read < TIMES_READING * read  # boxes cost thirty times as much
    assert len(lines) == 10_001
    assert len({line.index("Clinic") for line in lines[1:]}) == 1


def test_an_empty_warehouse_says_how_to_begin(here: Here) -> None:
    assert "merchants add" in here("status").out
    assert here("status", "--json").answer == {"merchants": []}


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        (timedelta(seconds=-5), "0 s ago"),
        (timedelta(seconds=59), "59 s ago"),
        (timedelta(minutes=61), "1 h ago"),
        (timedelta(days=3, hours=5), "3 d ago"),
    ],
)
def test_an_age_is_told_in_the_largest_unit_that_fits(ago: timedelta, words: str) -> None:
    assert age(NOON - ago, now=NOON) == words
    assert age(None, now=NOON) == "never"


def test_a_request_that_nobody_answers_is_seen_and_ends_with_an_error(
    here: Here, clinic: Clinic, warehouse: WarehouseUnderTest
) -> None:
    clinic()
    here("sync", MERCHANT, "--detach")
    assert here("status").code == 0
    warehouse.damage("UPDATE mx.sync_requests SET waits_since = now() - interval '61 seconds'")

    table, told = here("status"), here("status", "--json")

    assert (table.code, told.code) == (1, 1)
    assert "1, unanswered" in table.out
    assert "start mx-pipeline worker" in table.err
    assert told.answer["merchants"][0]["unanswered_requests"] == 1
