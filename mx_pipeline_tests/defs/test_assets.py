"""Four assets, one step: each merchant's partitions say exactly what happened to that merchant."""

from __future__ import annotations

import dagster as dg
import pytest

from mx_pipeline_tests.defs.conftest import ASSETS, Clinics

ALFA, BRAVO, CHARLIE = 1_000_000_001, 1_000_000_002, 1_000_000_003


def test_one_merchant_becomes_four_materialized_assets(clinics: Clinics) -> None:
    partition = clinics.add(payments=40)

    run = clinics.run(partition)

    assert run.success
    for asset in ASSETS:
        assert clinics.materialized(asset) == {partition}
    truth = [true for true in clinics.mx.truth(int(partition)) if true["record"] == "payment"]
    assert clinics.warehouse.value("SELECT count(*) FROM mx.enriched_transactions") == len(truth)


def test_a_materialization_tells_counts_calls_seconds_and_a_few_rows(clinics: Clinics) -> None:
    partition = clinics.add(payments=40)

    run = clinics.run(partition)

    made_by_key = {made.asset_key: made for made in run.asset_materializations_for_node("merchant_sync")}
    assert made_by_key.keys() == {dg.AssetKey(["mx", asset]) for asset in ASSETS}
    for made in made_by_key.values():
        told = {name: value.value for name, value in made.metadata.items()}
        assert told["dagster/partition_row_count"] > 0
        assert {"inserted", "updated", "unchanged", "calls", "seconds", "outcome", "sync_run"} <= told.keys()
        assert isinstance(made.metadata["preview"], dg.TableMetadataValue)
        assert len(made.metadata["preview"].records) <= 5
    assert clinics.warehouse.value("SELECT dagster_run_id FROM mx.sync_runs") == run.run_id


def test_a_merchant_whose_key_is_refused_leaves_its_neighbours_whole(clinics: Clinics) -> None:
    alfa, bravo, charlie = (clinics.add(merchant_id) for merchant_id in (ALFA, BRAVO, CHARLIE))
    clinics.mx.revoke_keys(BRAVO)

    run = clinics.run(alfa, to=charlie)

    assert not run.success
    for asset in ASSETS:
        assert clinics.materialized(asset) == {alfa, charlie}
    assert f"1 of 3 merchants did not make it: {bravo} (auth_failed)" in clinics.failure(run)


def test_a_range_of_many_merchants_is_one_run(clinics: Clinics) -> None:
    merchants = [clinics.add(merchant_id) for merchant_id in (CHARLIE, ALFA, BRAVO)]

    run = clinics.run(str(CHARLIE), to=str(BRAVO))

    assert run.success
    for asset in ASSETS:
        assert clinics.materialized(asset) == set(merchants)
    assert clinics.warehouse.value("SELECT count(DISTINCT dagster_run_id) FROM mx.sync_runs") == 1


def test_only_the_selected_phases_run(clinics: Clinics) -> None:
    partition = clinics.add()

    run = clinics.run(partition, assets=["payments"])

    assert run.success
    assert clinics.materialized("payments") == {partition}
    assert clinics.materialized("invoice_map") == set()
    assert clinics.mx.call_count(int(partition), "invoices") == 0


def test_phases_can_be_caught_up_on_later(clinics: Clinics) -> None:
    partition = clinics.add()
    clinics.run(partition, assets=["payments"])

    run = clinics.run(partition, assets=["invoice_map", "invoice_details", "enriched_transactions"])

    assert run.success
    assert clinics.warehouse.value("SELECT count(*) FROM mx.enriched_transactions WHERE has_invoice") > 0


def test_a_second_run_of_an_unchanged_merchant_changes_nothing(clinics: Clinics) -> None:
    partition = clinics.add()
    clinics.run(partition)

    again = clinics.run(partition)

    for made in again.asset_materializations_for_node("merchant_sync"):
        assert made.metadata["inserted"].value == 0
        assert made.metadata["updated"].value == 0


def test_a_run_without_a_sealing_key_says_what_to_set(
    clinics: Clinics, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = clinics.add()
    monkeypatch.delenv("MX_SEALING_KEY")

    run = clinics.run(partition)

    assert "MX_SEALING_KEY is not set" in clinics.failure(run)
    assert clinics.materialized("payments") == set()
