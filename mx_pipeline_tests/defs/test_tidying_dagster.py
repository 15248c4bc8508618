"""Of Dagster's own tables goes what Dagster keeps for ever; what the UI shows as the latest stays, on real storage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterEventType
from sqlalchemy import text

from mx_pipeline.defs.checks import IS_FRESH, SPECS
from mx_pipeline.defs.partitions import merchants
from mx_pipeline.defs.storage import own_session
from mx_pipeline.defs.tidying import RUNS_KEPT, forget_dagsters
from mx_pipeline_tests.defs.conftest import Clinics, engines_of

PAYMENTS = dg.AssetKey(["mx", "payments"])
QUIET, BUSY = "1000000008", "1000000009"
KINDS = (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_OBSERVATION)
CHECKS = [spec.key for spec in SPECS]
VERSION = "dagster/data_version"
AGE = (
    "UPDATE event_logs SET timestamp = timestamp - interval '40 days'",
    "UPDATE asset_check_executions SET create_timestamp = create_timestamp - interval '40 days'",
)
LEFT = "SELECT count(*) FROM event_logs WHERE run_id = ''"
VERDICTS = "SELECT count(*) FROM asset_check_executions"


def told_without_a_run(instance: dg.DagsterInstance, partition: str) -> None:
    instance.report_runless_asset_event(
        dg.AssetMaterialization(PAYMENTS, partition=partition, tags={VERSION: "1"})
    )
    instance.report_runless_asset_event(dg.AssetObservation(PAYMENTS, partition=partition))
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(asset_key=PAYMENTS, check_name=IS_FRESH.name, passed=True)
    )


def shown(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the pages of an asset, of its partitions and of its checks are made from."""
    storage = instance.event_log_storage
    latest = instance.get_latest_materialization_event(PAYMENTS)
    assert latest is not None
    return {
        "asset": (latest.timestamp, latest.asset_materialization),
        "partitions": instance.get_materialized_partitions(PAYMENTS),
        **{kind.value: storage.get_latest_storage_id_by_partition(PAYMENTS, kind) for kind in KINDS},
        "tags": storage.get_latest_tags_by_partition(PAYMENTS, KINDS[0], tag_keys=[VERSION]),
        "checks": {
            key: (record.id, record.status, record.event)
            for key, record in storage.get_latest_asset_check_execution_by_key(CHECKS).items()
        },
        "states": storage.get_asset_check_state([(key, merchants) for key in CHECKS]),
        "checks of partitions": storage.get_asset_check_partition_info(CHECKS),
    }


def test_the_newest_of_each_stays_whatever_its_age_and_the_older_ones_go(
    clinics: Clinics, pooled: dg.DagsterInstance
) -> None:
    clinics.instance = pooled
    partition = clinics.add(payments=3)
    pooled.add_dynamic_partitions("merchants", [QUIET, BUSY])
    told_without_a_run(pooled, QUIET)
    for _ in range(3):
        assert clinics.run(partition).success
        told_without_a_run(pooled, BUSY)
    (engine,) = engines_of(pooled)
    with engine.connect() as connection:
        for statement in AGE:
            connection.execute(text(statement))
    told_without_a_run(pooled, BUSY)
    before = shown(pooled)

    forgotten = forget_dagsters(pooled, before=datetime.now(UTC) - RUNS_KEPT)
    again = forget_dagsters(pooled, before=datetime.now(UTC) - RUNS_KEPT)

    assert shown(pooled) == before
    assert before["partitions"] == {partition, QUIET, BUSY}
    # Of three runs two had their six verdicts renewed; of five verdicts without a run four are older than the last.
    assert forgotten == {"runs": 0, "verdicts": 2 * len(CHECKS) + 4, "events of no run": 2 * 3 + 4}
    assert again == {"runs": 0, "verdicts": 0, "events of no run": 0}
    with own_session(pooled) as session:
        assert session is not None
        assert session.connection.execute(text(LEFT)).scalar() == 2 + 2 + 1
        assert session.connection.execute(text(VERDICTS)).scalar() == len(CHECKS) + 1


def test_what_is_younger_stays_and_other_storages_are_left_alone(
    clinics: Clinics, pooled: dg.DagsterInstance
) -> None:
    for _ in range(3):
        told_without_a_run(pooled, BUSY)

    assert forget_dagsters(pooled, before=datetime.now(UTC) - timedelta(days=1)) == {
        "runs": 0,
        "verdicts": 0,
        "events of no run": 0,
    }
    assert forget_dagsters(clinics.instance, before=datetime.now(UTC)) == {"runs": 0}
