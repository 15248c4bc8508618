"""The instance of dagster.yaml, on a real Postgres that only the environment names."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat
from sqlalchemy import QueuePool, event, text

from mx_pipeline.definitions import defs
from mx_pipeline.defs.rounds import OP, sync_round
from mx_pipeline.defs.storage import PooledPostgresStorage
from mx_pipeline.errors import BadSettings
from mx_pipeline.local.dagster_parts import EVENTS_PER_BATCH
from mx_pipeline.warehouse.diagnosing import dagsters_database
from mx_pipeline.warehouse.logins import database_url
from mx_pipeline_tests.defs.conftest import ASSETS, PROJECT, Clinics, engines_of

MERCHANTS = 20
MATERIALIZATIONS = """
    SELECT count(*), count(DISTINCT xmin::text) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'
"""
"""How many, and in how many transactions."""


def test_a_run_on_it_opens_a_handful_of_connections(clinics: Clinics, pooled: dg.DagsterInstance) -> None:
    opened: list[object] = []
    (engine,) = engines_of(pooled)
    event.listen(engine, "connect", lambda connection, _: opened.append(connection))
    clinics.instance = pooled
    partitions = [clinics.add(1_000_000_001 + number, payments=2) for number in range(MERCHANTS)]

    run = clinics.run(partitions[0], to=partitions[-1])

    assert run.success
    assert clinics.materialized("payments") == set(partitions)
    assert len(clinics.events(run)) > MERCHANTS * len(ASSETS)
    assert len(opened) <= 4


def test_one_pool_serves_every_instance_of_a_process(pooled: dg.DagsterInstance) -> None:
    with dg.DagsterInstance.from_config(str(PROJECT)) as another:
        assert engines_of(another) == engines_of(pooled)

    (engine,) = engines_of(pooled)
    assert isinstance(engine.pool, QueuePool)


def test_no_password_is_in_what_dagster_shows_or_hands_on(pooled: dg.DagsterInstance) -> None:
    (engine,) = engines_of(pooled)
    password = str(engine.url.password)

    assert password not in str(pooled.get_ref())
    assert password not in pooled.info_str()


def test_its_files_are_under_the_home(pooled: dg.DagsterInstance, tmp_path: Path) -> None:
    assert pooled.root_directory == str(tmp_path / "dagster")
    assert str(tmp_path / "dagster" / "logs") in pooled.compute_log_manager.get_captured_local_path(
        ["a", "b"], "out"
    )


def test_the_queue_the_retries_and_the_monitoring_are_the_decided_ones(pooled: dg.DagsterInstance) -> None:
    queue = pooled.run_coordinator.get_run_queue_config()

    assert queue.tag_concurrency_limits == [
        {"key": "dagster/partition", "value": {"applyLimitPerUniqueValue": True}, "limit": 1},
        {"key": "mx/round", "limit": 4},
        {"key": "mx/night", "limit": 1},
    ]
    assert pooled.run_coordinator.dequeue_interval_seconds == 1
    assert pooled.run_retries_enabled
    assert pooled.run_retries_max_retries == 2
    assert pooled.run_retries_retry_on_asset_or_op_failure is False
    assert pooled.run_monitoring_enabled
    assert pooled.telemetry_enabled is False


def test_the_doctor_reads_the_signs_of_life_that_dagsters_daemon_writes(pooled: dg.DagsterInstance) -> None:
    written = time.time() - 30
    pooled.add_daemon_heartbeat(DaemonHeartbeat(written, "SENSOR", "one", []))

    with dagsters_database(database_url(os.environ["DAGSTER_PG_URL"], variable="DAGSTER_PG_URL")) as session:
        seen = session.one("doctor", "dagsters_database")
        ((daemon, seconds),) = session.run("doctor", "heartbeats")

    assert (seen.is_the_warehouse, seen.is_prepared) == (False, True)
    assert daemon == "SENSOR"
    assert 29 < seconds < 60


def test_without_a_database_it_says_what_to_set(
    no_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(PROJECT))

    with pytest.raises(BadSettings, match="DAGSTER_PG_URL"):
        PooledPostgresStorage.from_config_value(None, {})


def test_definitions_can_be_looked_at_before_there_is_a_database(no_environment: None) -> None:
    with dg.DagsterInstance.from_config(str(PROJECT)) as instance:
        assert instance.get_runs() == []


def test_a_round_tells_of_its_merchants_in_one_write_for_each_asset(
    clinics: Clinics, pooled: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", EVENTS_PER_BATCH)
    clinics.instance = pooled
    merchants = [int(clinics.add(1_000_000_001 + number, payments=2)) for number in range(3)]
    config = {"planned_at": datetime.now(UTC).isoformat(), "merchants": merchants}

    run = defs.resolve_job_def(sync_round.name).execute_in_process(
        instance=pooled, run_config={"ops": {OP: {"config": config}}}
    )

    assert run.success
    assert clinics.materialized("payments") == {str(merchant) for merchant in merchants}
    (engine,) = engines_of(pooled)
    with engine.connect() as connection:
        written = connection.execute(text(MATERIALIZATIONS)).one()
    assert written == (len(merchants) * len(ASSETS), len(ASSETS))
