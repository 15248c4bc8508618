"""A connection that is lost at any statement, or between a COMMIT and its answer, changes nothing but the clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy.exc import SQLAlchemyError

from mx_pipeline.sync.orders import SyncReport
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.invariants import all_tables
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.fakes.watched_wire import WatchedWire, Wire
from mx_pipeline_tests.faults.database.conftest import Opened

PAYMENTS = 40
STATEMENTS_TRIED = 16
COMMITS_TRIED = 16
CONNECTING = 20
"""Statements of the first sync that later ones do without, their connections being open."""
KEPT = {"mx_merchant_configs", "audit_log"}
NOT_COMPARED = {"secondsByPhase", "vendorClockSkewSeconds"}


@pytest.fixture
def clinic(a_clinic: Callable[..., Clinic], syncs_with: Opened, wire: WatchedWire) -> Clinic:
    return syncs_with(a_clinic(payments=PAYMENTS), wire)


def never_synced(clinic: Clinic) -> Clinic:
    """The same clinic, as if it had just been registered."""
    tables = [name for name in all_tables(clinic.warehouse) if name not in KEPT]
    emptied = ";".join(f"DELETE FROM mx.{name} WHERE merchant_id = {clinic.merchant_id}" for name in tables)
    clinic.warehouse.damage(f"SET LOCAL session_replication_role = replica; {emptied}")
    return clinic


def counts(report: SyncReport) -> dict[str, Any]:
    return {name: value for name, value in report.stats.items() if name not in NOT_COMPARED}


def terminates(warehouse: WarehouseUnderTest) -> Callable[[Wire], None]:
    def act(wire: Wire) -> None:
        with suppress(SQLAlchemyError):  # the test may be over, and its database gone
            warehouse.rows(
                "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE client_port = :port",
                port=wire.client_port,
            )

    return act


def test_p1_a_connection_terminated_at_any_statement_is_invisible(
    clinic: Clinic, wire: WatchedWire, warehouse: WarehouseUnderTest
) -> None:
    undisturbed = clinic.sync("full")
    statements = len(wire.statements)
    chosen = sorted(random.Random(1).sample(range(1, statements - CONNECTING), STATEMENTS_TRIED))

    for number in chosen:
        moment = wire.at("", terminates(warehouse), nth=number)

        report = never_synced(clinic).sync("full")

        assert moment.is_over
        assert report.outcome == "success", f"statement {number}: {report.message}"
        assert clinic.differences() == [], f"statement {number}"
        assert counts(report) == counts(undisturbed), f"statement {number}"


def test_p1_connections_terminated_again_and_again(
    examination: Examination, syncs_with: Opened, wire: WatchedWire, warehouse: WarehouseUnderTest
) -> None:
    clinic = syncs_with(examination.clinic(payments=150), wire)
    dice = random.Random(2)
    moments = [
        wire.at("", terminates(warehouse), nth=n, when=dice.choice(["before", "after"]))
        for n in range(5, 200, 17)
    ]

    report = examination.sync(clinic)

    assert sum(moment.is_over for moment in moments) >= 8
    examination.is_whole(clinic, report)


def test_p2_a_lost_answer_to_any_commit_is_invisible_and_counts_once(
    clinic: Clinic, wire: WatchedWire
) -> None:
    undisturbed = clinic.sync("full")
    commits = sum(statement == "COMMIT" for statement in wire.statements)

    for number in random.Random(3).sample(range(1, commits - 2), COMMITS_TRIED):
        moment = wire.at("COMMIT", Wire.cut, nth=number, when="after")

        report = never_synced(clinic).sync("full")

        assert moment.is_over
        assert report.outcome == "success", f"commit {number}: {report.message}"
        assert clinic.differences() == [], f"commit {number}"
        assert counts(report) == counts(undisturbed), f"commit {number}"
        assert clinic.rows(
            "SELECT count(*), count(finished_at) FROM mx.sync_runs WHERE merchant_id = :m",
            m=clinic.merchant_id,
        ) == [(1, 1)]


def test_p2_answers_lost_again_and_again(
    examination: Examination, syncs_with: Opened, wire: WatchedWire
) -> None:
    clinic = syncs_with(examination.clinic(payments=150), wire)
    moments = [wire.at("COMMIT", Wire.cut, nth=n, when="after") for n in range(1, 60, 4)]

    report = examination.sync(clinic)

    assert sum(moment.is_over for moment in moments) >= 8
    examination.is_whole(clinic, report)
