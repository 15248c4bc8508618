"""A dead process's merchant is free after half a minute; a sample of chaos, of which `make chaos` is the rest."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from mx_pipeline.warehouse.leases import LEASE_SECONDS
from mx_pipeline_tests.chaos.tally import Tally
from mx_pipeline_tests.faults.process.in_the_background import TakenOver


def test_p12_the_lease_of_a_killed_process_is_taken_over_after_half_a_minute(
    taken_over: Future[TakenOver],
) -> None:
    told = taken_over.result(60)

    assert (told.outcome, told.differences) == ("success", [])
    assert LEASE_SECONDS - 1 < told.after_seconds < LEASE_SECONDS + 8


def test_p10_a_sample_of_chaos_loses_doubles_and_mixes_up_nothing(
    sample_of_chaos: Future[Tally], capsys: pytest.CaptureFixture[str]
) -> None:
    tally = sample_of_chaos.result(150)

    with capsys.disabled():
        print(f"\n{tally}")  # noqa: T201 # the seed is for whoever reads CI
    assert tally.is_clean, "\n".join(tally.troubled)
    assert sum(tally.faults.values()) >= 30
