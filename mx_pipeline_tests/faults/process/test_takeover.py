"""A dead process's merchant is free after half a minute, and not before."""

from __future__ import annotations

from concurrent.futures import Future

from mx_pipeline.warehouse.leases import LEASE_SECONDS
from mx_pipeline_tests.faults.process.taking_over import TakenOver


def test_p12_the_lease_of_a_killed_process_is_taken_over_after_half_a_minute(
    taken_over: Future[TakenOver],
) -> None:
    told = taken_over.result(60)

    assert (told.outcome, told.differences) == ("success", [])
    assert LEASE_SECONDS - 1 < told.after_seconds < LEASE_SECONDS + 8
