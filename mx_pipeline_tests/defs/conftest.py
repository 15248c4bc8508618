"""Clinics on both sides, the environment that points to them, and a Dagster instance of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from sqlalchemy import Engine

from mx_pipeline.definitions import defs
from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.sealing import SealingKey
from mx_pipeline.synthetic_mx import KeyPair, SyntheticMx
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

PROJECT = Path(__file__).parents[2]
ASSETS = ("payments", "invoice_map", "invoice_details", "enriched_transactions")
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


class Clinics:
    """Merchants in MX and in the warehouse, synced through Dagster."""

    def __init__(self, mx: SyntheticMx, warehouse: WarehouseUnderTest, instance: dg.DagsterInstance) -> None:
        self.mx, self.warehouse, self.instance = mx, warehouse, instance
        self.keys: dict[int, KeyPair] = {}

    def add(self, merchant_id: int = MERCHANT, *, payments: int = 30, with_partition: bool = True) -> str:
        """Returns the partition."""
        key = self.mx.add_merchant(merchant_id, payments=payments, seed=merchant_id % 97)
        self.keys[merchant_id] = key
        self.warehouse.has_merchant(merchant_id, key=key.consumer_key, secret=key.consumer_secret)
        if with_partition:
            self.instance.add_dynamic_partitions("merchants", [str(merchant_id)])
        return str(merchant_id)

    def run(
        self, partition: str | None = None, *, to: str | None = None, tags: dict[str, str] | None = None,
        assets: Iterable[str] | None = None, checks: Iterable[dg.AssetCheckKey] | None = None,
    ) -> dg.ExecuteInProcessResult:  # fmt: skip
        """One run of the job, of some of its assets, or of checks alone; to another partition: a range."""
        job = defs.resolve_job_def("sync_merchant")
        if assets is not None or checks is not None:
            job = defs.resolve_implicit_global_asset_job_def().get_subset(
                asset_selection={dg.AssetKey(["mx", name]) for name in assets or ()},
                asset_check_selection=set(checks) if checks is not None else None,
            )
        a_range = {RANGE_START: partition or "", RANGE_END: to} if to else {}
        return job.execute_in_process(
            instance=self.instance,
            partition_key=None if to else partition,
            tags={**a_range, **(tags or {})},
            raise_on_error=False,
        )

    def run_again(self, run: dg.ExecuteInProcessResult, **tags: str) -> list[dg.DagsterEvent]:
        """What a retry and Re-execute in the UI do: the same job, partition and tags, as a child of the first run."""
        job = defs.resolve_job_def("sync_merchant")
        child = self.instance.create_run_for_job(
            job, tags={**run.dagster_run.tags, **tags}, parent_run_id=run.run_id, root_run_id=run.run_id
        )
        return list(execute_run_iterator(InMemoryJob(job), child, self.instance))

    def materialized(self, asset: str) -> set[str]:
        """The partitions of one asset that were ever materialized."""
        return self.instance.get_materialized_partitions(dg.AssetKey(["mx", asset]))

    def events(self, run: dg.ExecuteInProcessResult) -> list[dg.EventLogEntry]:
        return list(self.instance.all_logs(run.run_id))

    def failure(self, run: dg.ExecuteInProcessResult) -> str:
        """What the failed step says."""
        (event,) = [event for event in run.all_events if event.is_step_failure]
        return str(event.step_failure_data.error_display_string)


@pytest.fixture(scope="session")
def synthetic_mx() -> Iterator[SyntheticMx]:
    with SyntheticMx.in_thread() as mx:
        yield mx


@pytest.fixture
def environment(
    monkeypatch: pytest.MonkeyPatch,
    database_url: str,
    sealing_key: SealingKey,
    synthetic_mx: SyntheticMx,
    tmp_path: Any,
) -> None:
    """This process as a deployment has it: everything comes from the environment."""
    monkeypatch.setenv("MX_DATABASE_URL", database_url)
    monkeypatch.setenv("MX_SEALING_KEY", sealing_key.to_base64())
    monkeypatch.setenv("MX_SANDBOX_URL", synthetic_mx.url)
    monkeypatch.setenv("MX_HOME", str(tmp_path))


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Nothing is set up, and no embedded Postgres was ever started here."""
    for name in ("MX_DATABASE_URL", "MX_SEALING_KEY", "DAGSTER_PG_URL", "DAGSTER_HOME", "MX_SANDBOX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MX_HOME", str(tmp_path / "nothing"))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def clinics(
    environment: None, synthetic_mx: SyntheticMx, warehouse: WarehouseUnderTest, instance: dg.DagsterInstance
) -> Iterator[Clinics]:
    synthetic_mx.reset_calls()
    clinics = Clinics(synthetic_mx, warehouse, instance)
    yield clinics
    for merchant_id in clinics.keys:
        synthetic_mx.remove_merchant(merchant_id)
    synthetic_mx.answers_truthfully()


@pytest.fixture
def pooled(
    environment: None,
    postgres: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[dg.DagsterInstance]:
    """What every Dagster process opens whose DAGSTER_HOME is the project."""
    monkeypatch.setenv("DAGSTER_PG_URL", postgres.create_database(f"dagster_{request.node.name[:40]}"))
    with dg.DagsterInstance.from_config(str(PROJECT)) as instance:
        yield instance
        for engine in engines_of(instance):
            engine.dispose()


def engines_of(instance: dg.DagsterInstance) -> set[Engine]:
    """What its three parts connect through."""
    return {
        part._engine for part in (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    }
