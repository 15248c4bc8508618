"""The wall clock of a process jumps by an hour: its lease ends neither early nor late, and its rows are right."""

from __future__ import annotations

import ast
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import mx_pipeline
from mx_pipeline.sync.lease import SIGN_OF_LIFE_SECONDS
from mx_pipeline.synthetic_mx import FixedAnswer
from mx_pipeline.warehouse.leases import release_lease, take_lease
from mx_pipeline_tests.fakes import invariants
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.syncing_process import Job, SyncingProcess
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

AN_HOUR = 3600
LONG_ENOUGH_SECONDS = SIGN_OF_LIFE_SECONDS + 3
CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
}
READERS = {
    "sync/run.py": "when a run began and ended, for its report",
    "sync/dry_run.py": "the same, of one that only compares",
    "sync/failed_report.py": "the same, of a run that could not begin",
    "mx_api/answers.py": "a date in Retry-After, where the answer has no Date of its own",
    "warehouse/sql_logins.py": "whether the day that a person names is to come",
}
"""What they read it for: nothing here may decide what is read, kept or leased."""
ROOMS = ("sync", "mx_api", "warehouse")


@pytest.mark.begins_early
def test_p18_a_clock_that_jumps_by_an_hour_neither_ends_a_lease_early_nor_spoils_a_row(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    jumps = {MERCHANT: AN_HOUR, MERCHANT + 1: -AN_HOUR}
    clinics = [a_clinic(merchant_id, payments=80, seed=merchant_id % 7) for merchant_id in jumps]
    running: list[SyncingProcess] = []
    for clinic in clinics:
        clinic.mx.answers(
            FixedAnswer(
                delay_ms=LONG_ENOUGH_SECONDS * 1000,
                endpoint="invoice",
                merchant_id=clinic.merchant_id,
                skip=5,
                times=1,
            )
        )
        job = Job(
            warehouse.logins,
            clinic.mx.url,
            clinic.merchant_id,
            clock_ahead_seconds=jumps[clinic.merchant_id],
            clock_jumps_after_seconds=1,
        )
        running.append(SyncingProcess(job))

    taken, tries = taken_meanwhile(clinics, running)

    assert taken == []
    assert tries > 2 * SIGN_OF_LIFE_SECONDS
    assert [clinic.differences() for clinic in clinics] == [[], []]
    assert warehouse.rows("SELECT DISTINCT outcome FROM mx.sync_runs") == [("success",)]
    assert invariants.left_open(warehouse) == []
    assert invariants.broken_chains(warehouse) == []
    assert invariants.false_progress(warehouse) == []
    for table, column in (
        ("payments", "observed_at"),
        ("sync_runs", "finished_at"),
        ("sync_state", "walked_at"),
    ):
        off = f"SELECT max(abs(extract(epoch FROM {column} - now()))) FROM mx.{table} WHERE merchant_id = ANY (:m)"
        assert warehouse.value(off, m=list(jumps)) < 60, table


def taken_meanwhile(clinics: list[Clinic], running: list[SyncingProcess]) -> tuple[list[int], int]:
    """The merchants that another one could take while they were synced, and how often it has tried."""
    taken, tries, told = list[int](), 0, threading.Event()

    def wait() -> None:
        for process in running:
            process.ended()
        told.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    have_begun = set[int]()
    while not told.wait(0.2):
        for clinic in clinics:
            state = clinic.rows(
                "SELECT count(*) FILTER (WHERE finished_at IS NULL), count(*) FROM mx.sync_runs WHERE merchant_id = :m",
                m=clinic.merchant_id,
            )
            if state != [(1, 1)]:
                continue
            have_begun.add(clinic.merchant_id)
            with clinic.warehouse.loader.merchant(clinic.merchant_id) as tenant:
                token = take_lease(tenant, holder="somebody else", batch="somebody else")
                if token is not None:
                    release_lease(tenant, token)
            if token is not None and clinic.rows("SELECT FROM mx.sync_runs WHERE outcome = 'failed'"):
                taken.append(clinic.merchant_id)  # or else it has ended between the two questions
            tries += 1
    waiting.join()
    assert have_begun == {clinic.merchant_id for clinic in clinics}
    return taken, tries


def test_p18_nothing_that_is_decided_reads_the_wall_clock_of_its_machine() -> None:
    home = Path(mx_pipeline.__file__).parent
    found = {
        str(file.relative_to(home))
        for room in ROOMS
        for file in (home / room).rglob("*.py")
        if any(reads_a_clock(node) for node in ast.walk(ast.parse(file.read_text())))
    }

    assert found == READERS.keys()


def reads_a_clock(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in CLOCKS
    )
