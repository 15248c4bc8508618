"""Partitions follow the merchants, runs follow the requests; both are read from rows."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg
import pytest

from mx_pipeline.access import OPERATOR
from mx_pipeline.definitions import defs
from mx_pipeline.defs.checks import UNIQUE_KEYS
from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.defs.sensors import merchant_partitions, sync_requests
from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.warehouse.merchants import set_active
from mx_pipeline.warehouse.requests import SyncRequest, ask, claim, get_request
from mx_pipeline_tests.defs.conftest import ASSETS, Clinics

ALFA, BRAVO = 1_000_000_001, 1_000_000_002


def tick(sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> dg.SensorResult | dg.SkipReason:
    """One evaluation, and what the daemon would do with the partitions."""
    context = dg.build_sensor_context(
        instance=instance, definitions=defs, resources={"warehouse": WarehouseResource()}
    )
    result = sensor(context)
    for change in getattr(result, "dynamic_partitions_requests", None) or []:
        if isinstance(change, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(change.partitions_def_name, change.partition_keys)
        else:
            for key in change.partition_keys:
                instance.delete_dynamic_partition(change.partitions_def_name, key)
    return result


def launched(result: dg.SensorResult | dg.SkipReason) -> Sequence[dg.RunRequest]:
    return (result.run_requests or []) if isinstance(result, dg.SensorResult) else []


def asked(clinics: Clinics, merchant_id: int) -> int:
    with clinics.warehouse.app.merchant(merchant_id, person=OPERATOR) as tenant:
        request_id = ask(tenant, SyncRequest(asked_by="pat@clinic.test", asked_through="api"))
    clinics.warehouse.damage("UPDATE mx.sync_requests SET asked_at = asked_at - interval '6 seconds'")
    return request_id


def partitions(clinics: Clinics) -> list[str]:
    return sorted(clinics.instance.get_dynamic_partitions("merchants"))


def test_every_active_merchant_gets_a_partition(clinics: Clinics) -> None:
    wanted = [clinics.add(merchant_id, payments=0, with_partition=False) for merchant_id in (ALFA, BRAVO)]

    tick(merchant_partitions, clinics.instance)

    assert partitions(clinics) == wanted
    assert isinstance(tick(merchant_partitions, clinics.instance), dg.SkipReason)


def test_a_paused_merchant_loses_its_partition_and_gets_it_back(clinics: Clinics) -> None:
    alfa, bravo = (clinics.add(merchant_id, payments=0) for merchant_id in (ALFA, BRAVO))

    with clinics.warehouse.app.merchant(ALFA, person=OPERATOR) as tenant:
        set_active(tenant, is_active=False)
    tick(merchant_partitions, clinics.instance)
    assert partitions(clinics) == [bravo]

    with clinics.warehouse.app.merchant(ALFA, person=OPERATOR) as tenant:
        set_active(tenant, is_active=True)
    tick(merchant_partitions, clinics.instance)
    assert partitions(clinics) == [alfa, bravo]


def test_a_request_becomes_exactly_one_run_that_answers_it(clinics: Clinics) -> None:
    partition = clinics.add(with_partition=False)
    request_id = asked(clinics, int(partition))

    (request,) = launched(tick(sync_requests, clinics.instance))
    assert launched(tick(sync_requests, clinics.instance)) == []
    run = clinics.run(request.partition_key, tags=dict(request.tags))

    assert request.run_key == f"request-{partition}-{request_id}-1"
    assert request.partition_key == partition
    assert request.tags["mx/request"] == str(request_id)
    assert run.success
    with clinics.warehouse.app.merchant(int(partition), person=OPERATOR) as tenant:
        answered = get_request(tenant, request_id)
    assert (answered.status, answered.outcome, answered.claimed_by) == (
        "done",
        "success",
        f"dagster:{run.run_id}",
    )
    for asset in ASSETS:
        assert clinics.materialized(asset) == {partition}


def test_a_run_that_never_came_is_launched_anew_under_another_key(clinics: Clinics) -> None:
    partition = clinics.add(payments=0)
    asked(clinics, int(partition))
    (first,) = launched(tick(sync_requests, clinics.instance))

    clinics.warehouse.damage("UPDATE mx.sync_requests SET launched_at = now() - interval '1 hour'")
    (second,) = launched(tick(sync_requests, clinics.instance))

    assert first.run_key != second.run_key


def test_the_person_who_asked_is_in_no_tag(clinics: Clinics) -> None:
    asked(clinics, int(clinics.add(payments=0)))

    (request,) = launched(tick(sync_requests, clinics.instance))

    assert "pat" not in str(request)


def test_a_request_that_somebody_else_answers_ends_the_run_in_peace(clinics: Clinics) -> None:
    partition = clinics.add()
    request_id = asked(clinics, int(partition))
    with clinics.warehouse.loader.merchant(int(partition)) as tenant:
        claim(tenant, request_id, claimed_by="worker-1")

    run = clinics.run(partition, tags={"mx/request": str(request_id)})

    assert run.success
    assert clinics.materialized("payments") == set()
    assert any("nothing to do" in event.user_message for event in clinics.events(run))
    assert clinics.mx.call_count(int(partition)) == 0


def test_a_finished_request_run_again_by_hand_syncs_anew(clinics: Clinics) -> None:
    partition = clinics.add()
    request_id = asked(clinics, int(partition))
    first = clinics.run(partition, tags={"mx/request": str(request_id)})

    again = clinics.run_again(first)

    assert again[-1].event_type_value == "PIPELINE_SUCCESS"
    assert clinics.warehouse.value("SELECT count(*) FROM mx.sync_runs WHERE outcome = 'success'") == 2


def test_a_retry_goes_on_with_the_request_that_its_lost_process_had_claimed(clinics: Clinics) -> None:
    partition = clinics.add()
    lost = clinics.run(partition, checks=[UNIQUE_KEYS.key])
    request_id = asked(clinics, int(partition))
    with clinics.warehouse.loader.merchant(int(partition)) as tenant:
        claim(tenant, request_id, claimed_by=f"dagster:{lost.run_id}")

    clinics.run_again(lost, **{"mx/request": str(request_id)})

    with clinics.warehouse.app.merchant(int(partition), person=OPERATOR) as tenant:
        assert get_request(tenant, request_id).outcome == "success"
    assert clinics.warehouse.value("SELECT count(*) FROM mx.sync_requests") == 1


@pytest.mark.parametrize("sensor", [merchant_partitions, sync_requests])
def test_without_a_warehouse_a_sensor_waits_and_says_why(
    sensor: dg.SensorDefinition, no_environment: None, instance: dg.DagsterInstance
) -> None:
    result = tick(sensor, instance)

    assert isinstance(result, dg.SkipReason)
    assert "MX_DATABASE_URL" in str(result.skip_message)


def test_before_the_migration_a_sensor_waits_and_says_what_to_run(
    environment: None,
    instance: dg.DagsterInstance,
    postgres: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MX_DATABASE_URL", postgres.create_database("empty_for_sensors"))

    result = tick(merchant_partitions, instance)

    assert isinstance(result, dg.SkipReason)
    assert "mx-pipeline migrate" in str(result.skip_message)
