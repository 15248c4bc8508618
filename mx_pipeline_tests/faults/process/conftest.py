"""The scene of processes: their statements go through a wire that is watched."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from mx_pipeline_tests.chaos.tally import Tally
from mx_pipeline_tests.faults.database.conftest import wire
from mx_pipeline_tests.faults.process.in_the_background import TakenOver, sample_of_chaos, taken_over

__all__ = ["sample_of_chaos", "taken_over", "wire"]


@pytest.fixture(scope="package", autouse=True)
def _begin_at_once(taken_over: Future[TakenOver], sample_of_chaos: Future[Tally]) -> None:
    """They wait while the other tests of this folder run."""
