"""The server restarts, is killed, or sleeps: syncs that run meanwhile end right."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mx_pipeline.synthetic_mx import FixedAnswer, SyntheticMx
from mx_pipeline.warehouse.connections import PATIENCE_SECONDS
from mx_pipeline_tests.fakes import invariants
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.held import held
from mx_pipeline_tests.fakes.invariants import watch_progress
from mx_pipeline_tests.fakes.restless_postgres import RestlessPostgres
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.faults.database.conftest import Opened
from mx_pipeline_tests.local.server_image import ServerImage

CLINICS = 4
SLEEP_SECONDS, FULL_SLEEP_SECONDS = 8, 30
"""The second as faults.md has it (P11), in `make faults-full`; a connection that is tried gives up after 5."""


@pytest.fixture(scope="module")
def restless(server_image: ServerImage) -> Iterator[RestlessPostgres]:
    with RestlessPostgres.in_directory(server_image) as server:
        yield server


@pytest.fixture
def warehouse(restless: RestlessPostgres, request: pytest.FixtureRequest) -> Iterator[WarehouseUnderTest]:
    """In the server that may be stopped."""
    under_test = WarehouseUnderTest(restless.new_warehouse(f"w_{abs(hash(request.node.name))}"))
    watch_progress(under_test)
    yield under_test
    under_test.close()


@pytest.mark.begins_early
def test_p10_syncs_of_several_clinics_outlast_restarts_and_crashes(
    restless: RestlessPostgres, a_clinic: Callable[..., Clinic], syncs_with: Opened, mx: SyntheticMx
) -> None:
    clinics = [syncs_with(a_clinic(MERCHANT + n, payments=250), patience_seconds=60) for n in range(CLINICS)]
    mx.behaves(None, latency_ms=30)
    dice = random.Random(10)
    with ThreadPoolExecutor(CLINICS) as pool:
        ending = [pool.submit(clinic.sync, "full") for clinic in clinics]
        for _ in range(3):
            time.sleep(0.3 + dice.random() / 2)
            dice.choice([restless.restart, restless.crash])()
        reports = [one.result() for one in ending]
    mx.behaves(None, latency_ms=0)

    assert [report.outcome for report in reports] == ["success"] * CLINICS, [r.message for r in reports]
    assert [clinic.differences() for clinic in clinics] == [[]] * CLINICS
    assert what_is_wrong(clinics[0].warehouse) == []


@pytest.mark.begins_early
def test_p11_a_server_that_sleeps_is_waited_for(
    restless: RestlessPostgres,
    a_clinic: Callable[..., Clinic],
    syncs_with: Opened,
    mx: SyntheticMx,
    *,
    is_full_length: bool,
) -> None:
    seconds = FULL_SLEEP_SECONDS if is_full_length else SLEEP_SECONDS
    clinic = syncs_with(a_clinic(payments=300), patience_seconds=PATIENCE_SECONDS)
    is_asleep = threading.Event()
    asleep = threading.Thread(target=restless.sleep, args=(seconds, is_asleep))

    def fell_asleep() -> bool:
        if asleep.ident is None:
            asleep.start()
        return is_asleep.is_set()

    mx.answers(held(FixedAnswer(endpoint="invoice", skip=20, times=1), until=fell_asleep))

    report = clinic.sync("full")

    asleep.join()
    assert report.outcome == "success", report.message
    assert report.seconds > seconds
    assert clinic.differences() == []
    assert what_is_wrong(clinic.warehouse) == []


def what_is_wrong(warehouse: WarehouseUnderTest) -> list[str]:
    """I6, I8 and I9."""
    looks = (invariants.left_open, invariants.broken_chains, invariants.false_progress)
    return [line for look in looks for line in look(warehouse)]
