"""What takes long because it waits, and does so while the other tests of this folder run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from sqlalchemy import make_url

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.sealing import SealingKey
from mx_pipeline.synthetic_mx import Rule, SyntheticMx
from mx_pipeline.synthetic_mx.behaviour import Answer, Asked
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline_tests.chaos.chaos import run_chaos
from mx_pipeline_tests.chaos.tally import Tally
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.syncing_process import Job, SyncingProcess
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

CHAOS_SEED, CHAOS_SECONDS, CHAOS_MERCHANTS = 11, 16, 3


@dataclass(frozen=True)
class TakenOver:
    after_seconds: float
    outcome: str
    differences: list[str]


@pytest.fixture(scope="package")
def taken_over(
    postgres: EmbeddedPostgres, template: str, sealing_key: SealingKey
) -> Iterator[Future[TakenOver]]:
    """In a warehouse of its own."""
    url = make_url(postgres.create_database("taken_over", template=template)).set(drivername=DRIVER)
    warehouse = WarehouseUnderTest(Logins(url, sealing_key))
    with SyntheticMx.in_thread() as mx, ThreadPoolExecutor(1) as pool:
        key = mx.add_merchant(MERCHANT, payments=150)
        warehouse.has_merchant(MERCHANT, key=key.consumer_key, secret=key.consumer_secret)
        yield pool.submit(_kill_and_wait, Clinic(mx, warehouse, MERCHANT, key=key))
    warehouse.close()


@pytest.fixture(scope="package")
def sample_of_chaos() -> Iterator[Future[Tally]]:
    """Has everything of its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(run_chaos, seconds=CHAOS_SECONDS, seed=CHAOS_SEED, merchants=CHAOS_MERCHANTS)


def _kill_and_wait(clinic: Clinic) -> TakenOver:
    victim: list[SyncingProcess] = []
    killed_at: list[float] = []

    async def kill(_: Asked, answer: Answer) -> Answer:
        victim[0].kill()
        killed_at.append(time.monotonic())
        return answer

    clinic.mx.answers(Rule(act=kill, endpoint="invoice", skip=30, times=1))
    victim.append(SyncingProcess(Job(clinic.warehouse.logins, clinic.mx.url, MERCHANT)))
    assert victim[0].ended() is None
    report = clinic.sync("full")
    return TakenOver(time.monotonic() - killed_at[0], report.outcome, clinic.differences())
