"""The scene of processes: their statements go through a wire that is watched."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from mx_pipeline_tests.faults.database.conftest import wire
from mx_pipeline_tests.faults.process.taking_over import TakenOver, taken_over

__all__ = ["taken_over", "wire"]


@pytest.fixture(scope="package", autouse=True)
def _begins_at_once(taken_over: Future[TakenOver]) -> None:
    """Half a minute is waited while the other tests of this folder run."""
