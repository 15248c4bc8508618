"""How the checks of all merchants stand is what Dagster itself finds, in as many questions for many as for few."""

import warnings
from collections.abc import Iterator

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionResolvedStatus as Status
from dagster_postgres.event_log import PostgresEventLogStorage
from sqlalchemy import event

from mx_pipeline.defs.check_states import EventLog
from mx_pipeline_tests.defs.conftest import engines_of

CLINICS = dg.DynamicPartitionsDefinition(name="clinics")
with warnings.catch_warnings(action="ignore", category=dg.PreviewWarning):
    IS_GOOD = dg.AssetCheckSpec("is_good", asset="ledger", partitions_def=CLINICS)
IS_WHOLE = dg.AssetCheckSpec("is_whole", asset="ledger")
CHECKS = [(IS_GOOD.key, CLINICS), (IS_WHOLE.key, None)]


@dg.asset(partitions_def=CLINICS, check_specs=[IS_GOOD, IS_WHOLE])
def ledger(context: dg.AssetExecutionContext) -> Iterator[dg.Output[None] | dg.AssetCheckResult]:
    """Of each partition its name says what comes of it."""
    if context.partition_key == "breaks off":
        raise RuntimeError("before its checks")
    yield dg.Output(None)
    yield dg.AssetCheckResult(check_name="is_good", passed=context.partition_key != "fails")
    yield dg.AssetCheckResult(check_name="is_whole", passed=True)


def has(instance: dg.DagsterInstance, *partitions: str) -> None:
    """Each was run once."""
    instance.add_dynamic_partitions("clinics", partitions)
    for partition in partitions:
        dg.materialize([ledger], instance=instance, partition_key=partition, raise_on_error=False)


def test_each_check_stands_as_dagster_itself_finds(pooled: dg.DagsterInstance) -> None:
    has(pooled, "passes", "fails", "breaks off", "was removed", "was materialized again")
    pooled.delete_dynamic_partition("clinics", "was removed")
    anew = dg.AssetMaterialization("ledger", partition="was materialized again")
    pooled.report_runless_asset_event(anew)
    log = pooled.event_log_storage
    assert isinstance(log, EventLog)

    found = log.get_asset_check_state(CHECKS)

    with partition_loading_context(dynamic_partitions_store=pooled):
        assert found == PostgresEventLogStorage.get_asset_check_state(log, CHECKS)
    subsets = found[IS_GOOD.key].subsets
    named = {status: set(subset.subset_value.get_partition_keys()) for status, subset in subsets.items()}
    assert {status: partitions for status, partitions in named.items() if partitions} == {
        Status.SUCCEEDED: {"passes"},
        Status.FAILED: {"fails"},
        Status.EXECUTION_FAILED: {"breaks off"},
    }


def test_many_partitions_are_as_many_questions_as_few(pooled: dg.DagsterInstance) -> None:
    asked = list[str]()
    (engine,) = engines_of(pooled)
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append(told[2]))

    def questions() -> int:
        asked.clear()
        pooled.event_log_storage.get_asset_check_state(CHECKS)
        return len(asked)

    has(pooled, "first")
    few = questions()
    has(pooled, "second", "third")

    assert questions() == few
