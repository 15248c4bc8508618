"""Rounds: whoever is due is synced, and what becomes of one merchant is no other's in the Dagster UI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from mx_pipeline.access import OPERATOR
from mx_pipeline.definitions import defs
from mx_pipeline.defs.checks import SPECS
from mx_pipeline.defs.partitions import merchants
from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.defs.rounds import OP, sync_round
from mx_pipeline.defs.schedules import ROUNDS_AT_ONCE, rounds, shared_out
from mx_pipeline.defs.sensors import sync_requests
from mx_pipeline.synthetic_mx import FixedAnswer
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.defs.conftest import ASSETS, Clinics
from mx_pipeline_tests.defs.test_sensors import launched, tick

ALFA, BRAVO, CHARLIE = 1_000_000_001, 1_000_000_002, 1_000_000_003
REQUESTS = "SELECT status, outcome, lane, asked_through, attempt FROM mx.sync_requests ORDER BY request_id"
CALLS = "SELECT sum(calls) FROM mx.api_usage WHERE merchant_id = :m"
LATER = "UPDATE mx.sync_requests SET asked_at = asked_at - interval '6 seconds'"
AN_HOUR_AGO = """
    UPDATE mx.sync_state SET completed_at = completed_at - interval '61 minutes';
    UPDATE mx.sync_requests SET finished_at = finished_at - interval '61 minutes'
"""


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One that a tick of the clock can open by itself, as the code server does."""
    with dg.DagsterInstance.local_temp(
        str(tmp_path), overrides={"telemetry": {"enabled": False}}
    ) as instance:
        yield instance


def planned(clinics: Clinics, at: datetime | None = None) -> Sequence[dg.RunRequest]:
    """One tick of the clock."""
    with dg.build_schedule_context(
        instance=clinics.instance,
        scheduled_execution_time=at or datetime.now(UTC) + timedelta(seconds=1),
        resources={"warehouse": WarehouseResource()},
    ) as context:
        result = rounds(context)
    return result if isinstance(result, list) else []


def goes_round(clinics: Clinics, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    job = defs.resolve_job_def("sync_round")
    return job.execute_in_process(
        instance=clinics.instance, run_config=request.run_config, raise_on_error=False
    )


def merchants_of(request: dg.RunRequest) -> Any:
    return request.run_config["ops"][OP]["config"]["merchants"]


def statuses(clinics: Clinics) -> dict[str, set[str]]:
    """What the UI shows for each partition of the payments, by the function that it asks."""
    value = get_and_update_asset_status_cache_value(
        clinics.instance, dg.AssetKey(["mx", "payments"]), merchants, clinics.instance
    )
    assert value is not None
    with partition_loading_context(dynamic_partitions_store=clinics.instance):
        return {
            "materialized": set(
                value.deserialize_materialized_partition_subsets(merchants).get_partition_keys()
            ),
            "failed": set(value.deserialize_failed_partition_subsets(merchants).get_partition_keys()),
        }


def test_everyone_due_is_synced_in_one_round_and_nobody_is_due_after_it(clinics: Clinics) -> None:
    partitions = [clinics.add(merchant) for merchant in (ALFA, BRAVO)]

    (request,) = planned(clinics)
    run = goes_round(clinics, request)

    assert run.success
    for asset in ASSETS:
        assert clinics.materialized(asset) == set(partitions)
    assert clinics.warehouse.rows(REQUESTS) == [("done", "success", 2, "schedule", 0)] * 2
    assert clinics.warehouse.value("SELECT count(DISTINCT dagster_run_id) FROM mx.sync_runs") == 1
    assert planned(clinics) == []


def test_a_round_tells_the_checks_of_a_merchant_that_changed(clinics: Clinics) -> None:
    partition, runs = clinics.add(), list[dg.ExecuteInProcessResult]()

    for new_payments in (0, 0, 2):
        if new_payments:
            clinics.mx.receives(ALFA, payments=new_payments)
        (request,) = planned(clinics)
        runs.append(goes_round(clinics, request))
        clinics.warehouse.damage(AN_HOUR_AGO)

    assert [run.success for run in runs] == [True] * 3
    for key in [spec.key for spec in SPECS]:
        history = clinics.instance.event_log_storage.get_asset_check_execution_history(key, limit=9)
        assert [one.run_id for one in history] == [runs[2].run_id, runs[0].run_id], (
            "the second brought nothing new"
        )
        verdict, _ = [one.event.dagster_event.asset_check_evaluation_data for one in history]
        assert verdict.passed
        assert verdict.partition == partition
    made = clinics.instance.fetch_materializations(dg.AssetKey(["mx", "payments"]), limit=9).records
    _, brief, whole = [one.asset_materialization.metadata for one in made]
    assert whole.keys() - brief.keys() == {"preview", "dagster/partition_row_count"}


def test_a_failing_neighbour_changes_no_state_of_another_merchant(clinics: Clinics) -> None:
    alfa, bravo, charlie = (clinics.add(merchant) for merchant in (ALFA, BRAVO, CHARLIE))
    clinics.run(charlie)
    calls_of_charlie = clinics.mx.call_count(CHARLIE)
    clinics.mx.answers(
        FixedAnswer(endpoint="payments", merchant_id=BRAVO, status=400, body="", name="refuses")
    )

    (request,) = planned(clinics)
    run = goes_round(clinics, request)
    before = statuses(clinics)
    clinics.warehouse.damage(LATER)
    (again,) = launched(tick(sync_requests, clinics.instance))
    single = clinics.run(again.partition_key, tags=dict(again.tags))

    assert sorted(merchants_of(request)) == [ALFA, BRAVO]
    assert run.success
    assert before == {"materialized": {alfa, charlie}, "failed": set()}
    assert statuses(clinics) == {"materialized": {alfa, charlie}, "failed": {bravo}}
    assert again.partition_key == bravo
    assert not single.success
    assert bravo in clinics.failure(single)
    assert clinics.mx.call_count(CHARLIE) == calls_of_charlie
    assert launched(tick(sync_requests, clinics.instance)) == []


def test_h18_the_schedule_leaves_a_merchant_alone_until_its_key_changes(clinics: Clinics) -> None:
    alfa, bravo = (clinics.add(merchant) for merchant in (ALFA, BRAVO))
    clinics.mx.revoke_keys(BRAVO)

    (request,) = planned(clinics)
    goes_round(clinics, request)
    calls = clinics.warehouse.value(CALLS, m=BRAVO)
    clinics.warehouse.damage(LATER)
    (again,) = launched(tick(sync_requests, clinics.instance))
    single = clinics.run(again.partition_key, tags=dict(again.tags))
    clinics.warehouse.damage(AN_HOUR_AGO)
    (without,) = planned(clinics)
    clinics.warehouse.damage("UPDATE mx.mx_merchant_configs SET credentials_refused_at = NULL")
    (with_it,) = planned(clinics)

    assert calls == 1
    assert clinics.warehouse.value(CALLS, m=BRAVO) == calls, "the run that shows the failure asks nothing"
    assert f"{bravo} (auth_failed)" in clinics.failure(single)
    assert f"merchants set-key {bravo}" in clinics.failure(single)
    assert merchants_of(without) == [ALFA]
    assert sorted(merchants_of(with_it)) == [ALFA, BRAVO]
    assert clinics.materialized("payments") == {alfa}


def test_h4_a_merchant_held_back_by_the_vendor_resumes_by_itself(clinics: Clinics) -> None:
    alfa = clinics.add(ALFA, payments=30)
    clinics.mx.answers(
        FixedAnswer(
            endpoint="payments",
            merchant_id=ALFA,
            status=429,
            headers={"Retry-After": "600"},
            body="",
            name="slow",
        )
    )

    (request,) = planned(clinics)
    run = goes_round(clinics, request)
    resumes_at = clinics.warehouse.value("SELECT resumes_at FROM mx.sync_state WHERE stream = 'payments'")
    clinics.mx.answers_truthfully()
    clinics.warehouse.damage("UPDATE mx.credential_budgets SET paused_until = now()")

    assert run.success
    assert clinics.warehouse.rows(REQUESTS) == [("done", "rate_limited", 2, "schedule", 0)]
    assert timedelta(minutes=9) < resumes_at - datetime.now(UTC) < timedelta(minutes=11)
    assert planned(clinics, resumes_at - timedelta(seconds=1)) == []
    (resumed,) = planned(clinics, resumes_at + timedelta(seconds=1))
    assert goes_round(clinics, resumed).success
    assert clinics.materialized("payments") == {alfa}


def test_two_rounds_over_the_same_merchants_sync_each_once(clinics: Clinics) -> None:
    for merchant in (ALFA, BRAVO):
        clinics.add(merchant)
    (request,) = planned(clinics)

    first, second = goes_round(clinics, request), goes_round(clinics, request)

    assert first.success
    assert second.success
    assert clinics.warehouse.value("SELECT count(*) FROM mx.sync_runs") == 2


def test_merchants_that_wait_in_a_round_are_not_put_into_another(clinics: Clinics) -> None:
    for merchant in (ALFA, BRAVO):
        clinics.add(merchant, payments=0)
    (request,) = planned(clinics)
    clinics.instance.create_run_for_job(
        sync_round, run_config=dict(request.run_config), status=dg.DagsterRunStatus.STARTED
    )

    assert planned(clinics, datetime.now(UTC) + timedelta(minutes=1)) == []


def test_a_tick_that_is_repeated_has_the_same_run_keys(clinics: Clinics) -> None:
    clinics.add(payments=0)
    at = datetime.now(UTC) + timedelta(minutes=1)

    assert [one.run_key for one in planned(clinics, at)] == [one.run_key for one in planned(clinics, at)]


def test_rounds_share_the_calls_and_a_large_merchant_goes_with_few_others() -> None:
    shares = shared_out(dict(enumerate([900, *[1] * 600])))

    assert len(shares) == ROUNDS_AT_ONCE
    assert shares[0] == [0]
    assert sorted(chain.from_iterable(shares)) == list(range(601))


def test_the_record_of_a_scheduled_sync_is_one_entry(clinics: Clinics) -> None:
    clinics.add()

    (request,) = planned(clinics)
    goes_round(clinics, request)

    rows = clinics.warehouse.rows(
        "SELECT action, subject, detail FROM mx.audit_log WHERE action LIKE 'sync.%' OR action LIKE 'credential.%'"
    )
    (entry,) = rows
    request_id = clinics.warehouse.value("SELECT request_id FROM mx.sync_requests")
    assert entry == (
        "credential.used",
        f"request {request_id}",
        {"through": "schedule", "mode": "incremental"},
    )


def test_somebody_who_asked_already_is_not_overtaken_by_a_round(clinics: Clinics) -> None:
    partition = clinics.add()
    with clinics.warehouse.app.merchant(int(partition), person=OPERATOR) as tenant:
        ask(tenant, SyncRequest("user:somebody", "api"))

    assert planned(clinics) == []
