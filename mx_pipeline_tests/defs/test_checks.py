"""Each check passes on good data and is seen to fail on planted damage."""

from __future__ import annotations

import dagster as dg
import pytest

from mx_pipeline.definitions import defs
from mx_pipeline.defs.checks import (
    CERTIFICATE_AGREES,
    IS_FRESH,
    NO_ORPHAN,
    QUARANTINE_IS_SMALL,
    SPECS,
    SUMS_AGREE,
    UNIQUE_KEYS,
)
from mx_pipeline.defs.freshness import merchants_are_fresh
from mx_pipeline_tests.defs.conftest import Clinics

ALFA, BRAVO = 1_000_000_001, 1_000_000_002

DAMAGE = [
    pytest.param(
        UNIQUE_KEYS,
        [
            "ALTER TABLE mx.payments DROP CONSTRAINT payments_pkey CASCADE",
            """INSERT INTO mx.payments (merchant_id, mx_payment_id, created, amount, status, payload, observed_at)
               SELECT merchant_id, mx_payment_id, created, amount, status, payload, observed_at
                 FROM mx.payments WHERE merchant_id = :merchant_id LIMIT 1""",
        ],
        "1 payments stand more than once",
        id="a payment stands twice",
    ),
    pytest.param(
        NO_ORPHAN,
        [
            """DELETE FROM mx.enriched_transactions WHERE merchant_id = :merchant_id AND mx_payment_id =
               (SELECT max(mx_payment_id) FROM mx.payments WHERE merchant_id = :merchant_id)"""
        ],
        "1 payments not derived",
        id="a payment has no derived row",
    ),
    pytest.param(
        NO_ORPHAN,
        [
            "ALTER TABLE mx.enriched_transactions DROP CONSTRAINT enriched_transactions_merchant_id_mx_invoice_id_fkey",
            """DELETE FROM mx.invoice_documents WHERE merchant_id = :merchant_id AND mx_invoice_id =
               (SELECT mx_invoice_id FROM mx.enriched_transactions
                 WHERE merchant_id = :merchant_id AND mx_invoice_id IS NOT NULL LIMIT 1)""",
        ],
        "links without invoice",
        id="a link leads nowhere",
    ),
    pytest.param(
        CERTIFICATE_AGREES,
        ["UPDATE mx.certificates SET verdict = 'differs', note = 'planted' WHERE merchant_id = :merchant_id"],
        "the certificate differs: planted",
        id="the certificate differs",
    ),
    pytest.param(
        CERTIFICATE_AGREES,
        [
            """DELETE FROM mx.payments WHERE merchant_id = :merchant_id AND mx_payment_id =
               (SELECT min(mx_payment_id) FROM mx.payments WHERE merchant_id = :merchant_id)"""
        ],
        "are here now",
        id="a payment is gone since the certificate",
    ),
    pytest.param(
        QUARANTINE_IS_SMALL,
        [
            """INSERT INTO mx.quarantine (merchant_id, stream, mx_id, reason)
               SELECT :merchant_id, 'payments', n, 'planted' FROM generate_series(1, 11) AS n"""
        ],
        "11 records are held in quarantine; 10 may be",
        id="more is held than may be",
    ),
    pytest.param(
        SUMS_AGREE,
        [
            """DELETE FROM mx.enriched_transactions WHERE merchant_id = :merchant_id AND mx_payment_id =
               (SELECT max(mx_payment_id) FROM mx.payments WHERE merchant_id = :merchant_id AND amount <> 0)"""
        ],
        "enriched",
        id="the sums differ",
    ),
    pytest.param(
        IS_FRESH,
        [
            """UPDATE mx.sync_state SET last_success_at = now() - interval '46 minutes', changed_at = now()
                WHERE merchant_id = :merchant_id"""
        ],
        "46 minutes since it was last synced whole; 45 may pass",
        id="late by a minute",
    ),
    pytest.param(
        IS_FRESH,
        [
            "UPDATE mx.mx_merchant_configs SET interval_minutes = 5 WHERE merchant_id = :merchant_id",
            "UPDATE mx.sync_state SET last_success_at = now() - interval '26 minutes' WHERE merchant_id = :merchant_id",
        ],
        "26 minutes since it was last synced whole; 25 may pass",
        id="late for an interval of its own",
    ),
]


def verdicts(run: dg.ExecuteInProcessResult) -> dict[tuple[str, str | None], dg.AssetCheckEvaluation]:
    """By name of the check and partition."""
    return {(found.check_name, found.partition): found for found in run.get_asset_check_evaluations()}


def test_every_check_passes_after_a_whole_sync(clinics: Clinics) -> None:
    partition = clinics.add()

    run = clinics.run(partition)

    assert {name: found.passed for name, found in verdicts(run).items()} == {
        (spec.name, partition): True for spec in SPECS
    }


@pytest.mark.parametrize(("check", "damage", "words"), DAMAGE)
def test_a_check_fails_on_planted_damage(
    check: dg.AssetCheckSpec, damage: list[str], words: str, clinics: Clinics
) -> None:
    alfa, bravo = clinics.add(ALFA), clinics.add(BRAVO)
    clinics.run(alfa, to=bravo)

    for statement in damage:
        clinics.warehouse.damage(statement, **({"merchant_id": ALFA} if ":merchant_id" in statement else {}))
    found = verdicts(clinics.run(checks=[check.key]))

    assert not found[check.name, alfa].passed
    assert words in str(found[check.name, alfa].description)
    assert found[check.name, bravo].passed
    assert not found[check.name, None].passed
    assert found[check.name, None].metadata["failing_merchants"].value == [alfa]


def test_a_check_runs_alone_on_one_partition(clinics: Clinics) -> None:
    alfa, bravo = clinics.add(ALFA), clinics.add(BRAVO)
    clinics.run(alfa, to=bravo)

    found = verdicts(clinics.run(bravo, checks=[NO_ORPHAN.key]))

    assert list(found) == [("no_orphan", bravo)]


def test_in_a_range_every_merchant_has_its_own_verdict(clinics: Clinics) -> None:
    alfa, bravo = clinics.add(ALFA), clinics.add(BRAVO)
    clinics.mx.has_payments(BRAVO, {"source": "QuickPay", "amount": "1,5"})  # cannot be taken in

    found = verdicts(clinics.run(alfa, to=bravo))

    assert found["certificate_agrees", alfa].passed
    assert not found["certificate_agrees", bravo].passed


def test_a_verdict_stands_for_the_newest_materialization(clinics: Clinics) -> None:
    partition = clinics.add()
    clinics.run(partition)

    (state,) = clinics.instance.event_log_storage.get_asset_check_partition_info([UNIQUE_KEYS.key])

    assert state.partition_key == partition
    assert state.is_current


def test_a_subset_of_the_assets_runs_their_checks_only(clinics: Clinics) -> None:
    partition = clinics.add()

    found = verdicts(clinics.run(partition, assets=["payments"]))

    assert {name for name, _ in found} == {
        "unique_keys", "certificate_agrees", "quarantine_is_small", "is_fresh",
    }  # fmt: skip


def test_a_merchant_with_a_card_is_named_with_its_figures_and_only_warned_of(clinics: Clinics) -> None:
    alfa, bravo = clinics.add(ALFA, payments=0), clinics.add(BRAVO, payments=0)
    clinics.warehouse.damage(
        """INSERT INTO mx.payments (merchant_id, mx_payment_id, created, amount, status, payload, observed_at)
           SELECT merchant_id, number * 100 + n, now() - make_interval(days => number), 50,
                  CASE WHEN number = 1 AND merchant_id = :alfa THEN 'Declined' ELSE 'Settled' END, '{}', now()
             FROM mx.mx_merchant_configs, generate_series(1, 40) AS number, generate_series(1, 30) AS n""",
        alfa=ALFA,
    )
    clinics.warehouse.damage(
        "INSERT INTO mx.sync_state (merchant_id, stream, last_success_at)"
        " SELECT merchant_id, 'payments', now() FROM mx.mx_merchant_configs"
    )

    job = defs.resolve_job_def("look_for_anomalies")
    (found,) = job.execute_in_process(instance=clinics.instance).get_asset_check_evaluations()

    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.metadata["failing_merchants"].value == [alfa]
    (card,) = found.metadata[alfa].value
    assert (card["kind"], card["figures"]["declined"], card["figures"]["payments"]) == ("declines", 30, 30)
    assert bravo not in found.metadata


def test_who_is_late_is_named_though_nothing_runs(clinics: Clinics) -> None:
    late, new, paused = clinics.add(ALFA), clinics.add(BRAVO), clinics.add(BRAVO + 1)
    for merchant in (late, paused):
        clinics.warehouse.damage(
            "UPDATE mx.mx_merchant_configs SET created_at = now() - interval '1 hour' WHERE merchant_id = :it",
            it=int(merchant),
        )
    clinics.warehouse.damage(
        "UPDATE mx.mx_merchant_configs SET is_active = false WHERE merchant_id = :it", it=int(paused)
    )

    with dg.build_sensor_context(
        instance=clinics.instance, resources=defs.resources, sensor_name="merchants_are_fresh"
    ) as context:
        (verdict,) = merchants_are_fresh.evaluate_tick(context).asset_events

    assert not verdict.passed
    assert verdict.partition is None
    assert verdict.metadata["failing_merchants"].value == [late]
    assert (verdict.metadata["late"].value, verdict.metadata["active"].value) == (1, 2)
    assert new not in str(verdict.metadata)


def test_no_check_blocks_what_comes_after_it() -> None:
    assert not any(spec.blocking for spec in SPECS)
