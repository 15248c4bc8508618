"""The worker on one machine, Postgres on another, and the cable between them cut in mid-sync."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.connections import STILL_THERE
from mx_pipeline.warehouse.migrate import migrate
from mx_pipeline_tests.deploy.another_machine import HERE, AnotherMachine, another_machine
from mx_pipeline_tests.fakes import oracle
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.isolation.servers import debian_15, text_of

pytestmark = [pytest.mark.system, pytest.mark.begins_early]

CUT_SECONDS = STILL_THERE["tcp_user_timeout"] / 1000 + 2
"""Longer than a connection waits for an answer before it gives the other side up."""
BEFORE_THE_CUT = 30


@pytest.fixture
def machine() -> Iterator[AnotherMachine]:
    with another_machine() as machine:
        yield machine


@pytest.fixture
def warehouse(machine: AnotherMachine) -> Iterator[WarehouseUnderTest]:
    """On a Postgres of this machine, that the other one reaches."""
    with debian_15(also_on=HERE) as server:
        logins = server.create_database("warehouse")
        migrate(logins)
        warehouse = WarehouseUnderTest(logins)
        yield warehouse
        warehouse.close()


@pytest.fixture
def mx(machine: AnotherMachine) -> Iterator[SyntheticMx]:
    """The vendor, whom the worker's machine reaches without the cable."""
    serving = SyntheticMx.in_thread()
    yield machine.do(serving.__enter__)
    serving.__exit__(None, None, None)


def test_a_cut_cable_between_worker_and_postgres_costs_time_and_nothing_else(
    machine: AnotherMachine, warehouse: WarehouseUnderTest, mx: SyntheticMx, tmp_path: Path
) -> None:
    key = mx.add_merchant(MERCHANT, payments=200)
    warehouse.has_merchant(MERCHANT, key=key.consumer_key, secret=key.consumer_secret)
    mx.behaves(MERCHANT, latency_ms=200, payment_page_cap=10)
    syncing = machine.start(
        [sys.executable, "-m", "mx_pipeline.operations", "sync", str(MERCHANT), "--full", "--json"],
        env={
            "PATH": os.environ["PATH"],
            "MX_HOME": str(tmp_path),
            "MX_DATABASE_URL": text_of(warehouse.logins.admin.set(host=HERE)),
            "MX_SEALING_KEY": warehouse.logins.key.to_base64(),
            "MX_SANDBOX_URL": mx.url,
        },
        stdout=subprocess.PIPE,
    )
    try:
        _until_stored(warehouse, BEFORE_THE_CUT)

        machine.cut()
        time.sleep(1)  # what was on the way has arrived
        stored = _stored(warehouse)
        time.sleep(CUT_SECONDS)
        stored_meanwhile = _stored(warehouse) - stored
        mx.behaves(MERCHANT, latency_ms=0)
        machine.restore()
        told, _ = syncing.communicate(timeout=60)
    finally:
        syncing.kill()

    (run,) = json.loads(told)["runs"]
    assert stored_meanwhile == 0
    assert stored < 200
    assert (syncing.returncode, run["status"]) == (0, "success")
    assert (
        oracle.differences(oracle.payments_in(warehouse, MERCHANT), oracle.true_payments(mx, MERCHANT))
        + oracle.differences(oracle.invoices_in(warehouse, MERCHANT), oracle.true_invoices(mx, MERCHANT))
        == []
    )


def _until_stored(warehouse: WarehouseUnderTest, payments: int) -> None:
    deadline = time.monotonic() + 60
    while _stored(warehouse) < payments:
        assert time.monotonic() < deadline, "no sync over the cable"
        time.sleep(0.05)


def _stored(warehouse: WarehouseUnderTest) -> int:
    return int(warehouse.value("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT))
