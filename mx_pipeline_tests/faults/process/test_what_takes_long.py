"""A dead process's merchant is free after half a minute; a sample of chaos, of which `make chaos` is the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from mx_pipeline.synthetic_mx import Rule
from mx_pipeline.synthetic_mx.behaviour import Answer, Asked
from mx_pipeline.warehouse.leases import LEASE_SECONDS
from mx_pipeline_tests.chaos.chaos import run_chaos
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.syncing_process import Job, SyncingProcess
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.local.server_image import ServerImage

CHAOS_SEED, CHAOS_SECONDS, CHAOS_FAULTS, CHAOS_MERCHANTS = 11, 12, 32, 3
A_MINUTE, AN_HOUR = 60, 3600


@pytest.mark.begins_early
def test_p12_p18_the_lease_of_a_killed_process_is_taken_over_after_half_a_minute_whatever_its_clock_said(
    examination: Examination,
) -> None:
    clinic = examination.clinic(payments=150)
    victim = Future[SyncingProcess]()
    killed_at: list[float] = []

    async def kill(_: Asked, answer: Answer) -> Answer:
        victim.result(A_MINUTE).kill()
        killed_at.append(time.monotonic())
        return answer

    began = time.monotonic()
    clinic.mx.answers(Rule(act=kill, endpoint="invoice", skip=30, times=1))
    job = Job(clinic.warehouse.logins, clinic.mx.url, MERCHANT, clock_ahead_seconds=AN_HOUR)
    victim.set_result(SyncingProcess(job))
    assert victim.result(A_MINUTE).ended() is None
    examination.somebody_died = True

    report = examination.sync(clinic, seconds_at_most=2 * LEASE_SECONDS)

    # The lease was taken after it began, and prolonged before it was killed.
    assert time.monotonic() - began > LEASE_SECONDS
    assert time.monotonic() - killed_at[0] < 2 * LEASE_SECONDS
    examination.is_whole(clinic, report)


@pytest.mark.begins_early
def test_p10_a_sample_of_chaos_loses_doubles_and_mixes_up_nothing(
    server_image: ServerImage,
    record_property: Callable[[str, object], None],
) -> None:
    tally = run_chaos(
        seconds=CHAOS_SECONDS,
        faults_at_least=CHAOS_FAULTS,
        seed=CHAOS_SEED,
        merchants=CHAOS_MERCHANTS,
        image=server_image,
    )

    record_property("told", f"chaos: {tally}")
    assert tally.is_clean, "\n".join(tally.troubled)
    assert sum(tally.faults.values()) >= CHAOS_FAULTS
