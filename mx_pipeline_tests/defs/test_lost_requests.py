"""A request whose process was lost waits again, is launched under another key, and is answered once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from mx_pipeline.defs.sensors import sync_requests
from mx_pipeline.sync.lease import leased
from mx_pipeline.synthetic_mx import Rule
from mx_pipeline.synthetic_mx.behaviour import Answer, Asked
from mx_pipeline.warehouse.dispatching import MOST_ATTEMPTS
from mx_pipeline.warehouse.requests import claim, finish
from mx_pipeline_tests.defs.conftest import Clinics
from mx_pipeline_tests.defs.test_sensors import asked, launched, tick
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

REQUESTS = "SELECT status, attempt, outcome FROM mx.sync_requests ORDER BY request_id"
RUNS = (
    "SELECT outcome, message LIKE '%process was lost%', finished_at IS NULL FROM mx.sync_runs ORDER BY run_id"
)
HALF_A_MINUTE_LATER = """
    UPDATE mx.sync_leases SET expires_at = now() - interval '11 seconds';
    UPDATE mx.credential_users SET expires_at = now() - interval '1 second';
    UPDATE mx.sync_requests
       SET claimed_at = claimed_at - interval '31 seconds', asked_at = asked_at - interval '31 seconds',
           launched_at = NULL;
    UPDATE mx.sync_runs SET started_at = started_at - interval '31 seconds'
"""
HELD_BY_ANOTHER = """
    INSERT INTO mx.sync_leases (merchant_id, holder, expires_at)
    VALUES (:merchant_id, 'another', now() + interval '1 hour')
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(clinics: Clinics, tmp_path: Path) -> Iterator[Start]:
    """A process of its own, in the environment of this test; none outlives it."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**os.environ, "DAGSTER_HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def killed_at_its_tenth_invoice(clinics: Clinics, start: Start, *arguments: str) -> None:
    started: list[subprocess.Popen[bytes]] = []

    async def kill(_: Asked, answer: Answer) -> Answer:
        started[0].kill()
        return answer

    clinics.mx.answers(Rule(act=kill, endpoint="invoice", skip=10, times=1))
    started.append(start(*arguments))
    assert started[0].wait(60) == -9


def run_what_is_launched(clinics: Clinics) -> list[str]:
    """The keys of the runs that one look of the sensor launches, each run to its end."""
    requests = launched(tick(sync_requests, clinics.instance))
    for request in requests:
        assert clinics.run(request.partition_key, tags=dict(request.tags)).success
    return [str(request.run_key) for request in requests]


def test_p12_a_command_that_is_killed_before_its_run_began(clinics: Clinics, start: Start) -> None:
    clinics.add()
    clinics.warehouse.damage(HELD_BY_ANOTHER, merchant_id=MERCHANT)
    command = start("mx_pipeline.operations", "sync", str(MERCHANT))
    deadline = time.monotonic() + 20
    while clinics.warehouse.rows(REQUESTS) != [("claimed", 0, None)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    command.kill()
    command.wait()

    at_once = run_what_is_launched(clinics)
    clinics.warehouse.damage(HALF_A_MINUTE_LATER)
    later = run_what_is_launched(clinics)

    assert (len(at_once), len(later)) == (0, 1)
    assert clinics.warehouse.rows(REQUESTS) == [("done", 1, "success")]


def test_p12_a_command_that_is_killed_in_its_run(clinics: Clinics, start: Start) -> None:
    clinics.add(payments=100)
    killed_at_its_tenth_invoice(clinics, start, "mx_pipeline.operations", "sync", str(MERCHANT))

    at_once = run_what_is_launched(clinics)
    clinics.warehouse.damage(HALF_A_MINUTE_LATER)
    later = run_what_is_launched(clinics)

    assert (len(at_once), len(later)) == (0, 1)
    assert clinics.warehouse.rows(RUNS) == [("failed", True, False), ("success", False, False)]
    assert clinics.warehouse.rows(REQUESTS) == [("done", 1, "success")]


def test_p12_a_run_process_of_dagster_that_is_killed(clinics: Clinics, start: Start, tmp_path: Path) -> None:
    partition = clinics.add(payments=100)
    (tmp_path / "dagster.yaml").touch()
    with dg.DagsterInstance.from_config(str(tmp_path)) as of_the_process:
        of_the_process.add_dynamic_partitions("merchants", [partition])
    asked(clinics, MERCHANT)
    (first,) = launched(tick(sync_requests, clinics.instance))
    tags = json.dumps({**first.tags, "dagster/partition": partition})
    killed_at_its_tenth_invoice(
        clinics,
        start,
        *("dagster", "job", "execute", "-m", "mx_pipeline.definitions", "-j", "sync_merchant"),
        *("--tags", tags),
    )
    claimed = clinics.warehouse.rows(REQUESTS)

    clinics.warehouse.damage(HALF_A_MINUTE_LATER)
    (second,) = run_what_is_launched(clinics)

    assert claimed == [("claimed", 1, None)]
    assert (first.run_key, second) == (f"request-{partition}-1-1", f"request-{partition}-1-2")
    assert clinics.warehouse.rows(RUNS) == [("failed", True, False), ("success", False, False)]
    assert clinics.warehouse.rows(REQUESTS) == [("done", 2, "success")]


def test_whoever_takes_the_merchant_over_first_lets_the_lost_request_wait_again(
    clinics: Clinics, start: Start
) -> None:
    partition = clinics.add(payments=100)
    killed_at_its_tenth_invoice(clinics, start, "mx_pipeline.operations", "sync", str(MERCHANT))
    clinics.warehouse.damage("UPDATE mx.sync_leases SET expires_at = now() - interval '1 second'")

    assert clinics.run(partition).success

    assert clinics.warehouse.rows(RUNS) == [("failed", True, False), ("success", False, False)]
    assert clinics.warehouse.rows(REQUESTS) == [("asked", 0, None), ("done", 0, "success")]


def test_who_waits_for_another_sync_of_the_merchant_keeps_its_claim(clinics: Clinics) -> None:
    request_id = asked(clinics, int(clinics.add(payments=0)))
    with clinics.warehouse.loader.merchant(MERCHANT) as tenant:
        claim(tenant, request_id, claimed_by="waiting")
    clinics.warehouse.damage("UPDATE mx.sync_requests SET claimed_at = now() - interval '5 minutes'")
    clinics.warehouse.damage(
        "INSERT INTO mx.sync_runs (merchant_id, mode, started_at) VALUES (:m, 'full', now() - interval '5 minutes')",
        m=MERCHANT,
    )

    with leased(clinics.warehouse.loader, MERCHANT, holder="another"):
        clinics.warehouse.damage("UPDATE mx.sync_runs SET finished_at = NULL")
        under_way = run_what_is_launched(clinics)
        still_open = clinics.warehouse.value("SELECT finished_at IS NULL FROM mx.sync_runs")
    just_over = run_what_is_launched(clinics)

    assert (under_way, still_open, just_over) == ([], True, [])
    assert clinics.warehouse.rows(REQUESTS) == [("claimed", 0, None)]


def test_a_lost_run_is_closed_though_nobody_takes_the_merchant_over(clinics: Clinics) -> None:
    clinics.add(payments=0)
    clinics.warehouse.damage(
        "INSERT INTO mx.sync_runs (merchant_id, mode, phase, started_at)"
        " VALUES (:m, 'full', 'payments', now() - interval '31 seconds')",
        m=MERCHANT,
    )

    tick(sync_requests, clinics.instance)

    assert clinics.warehouse.rows(RUNS) == [("failed", True, False)]


def test_whoever_answers_first_wins(clinics: Clinics) -> None:
    request_id = asked(clinics, int(clinics.add(payments=0)))
    with clinics.warehouse.loader.merchant(MERCHANT) as tenant:
        claim(tenant, request_id, claimed_by="asleep")
    clinics.warehouse.damage(HALF_A_MINUTE_LATER)
    tick(sync_requests, clinics.instance)

    with clinics.warehouse.loader.merchant(MERCHANT) as tenant:
        heir = claim(tenant, request_id, claimed_by="heir")
        finish(tenant, request_id, run_id=None, outcome="partial", message="woke up in time")
        finish(tenant, request_id, run_id=None, outcome="success", message="too late")

    assert heir is not None
    assert clinics.warehouse.rows(REQUESTS) == [("done", 1, "partial")]


def test_a_request_that_every_process_was_lost_with_ends_as_failed(clinics: Clinics) -> None:
    request_id = asked(clinics, int(clinics.add(payments=0)))
    keys: set[str] = set()
    for attempt in range(MOST_ATTEMPTS):
        (run,) = launched(tick(sync_requests, clinics.instance))
        keys.add(str(run.run_key))
        with clinics.warehouse.loader.merchant(MERCHANT) as tenant:
            assert claim(tenant, request_id, claimed_by=f"victim {attempt}")
        clinics.warehouse.damage(HALF_A_MINUTE_LATER)

    assert launched(tick(sync_requests, clinics.instance)) == []
    assert len(keys) == MOST_ATTEMPTS
    assert clinics.warehouse.rows(REQUESTS) == [("done", MOST_ATTEMPTS, "failed")]
    assert "5 runs were launched" in clinics.warehouse.value("SELECT message FROM mx.sync_requests")
