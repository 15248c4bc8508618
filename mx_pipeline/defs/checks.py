"""
The asset checks, each with a verdict per merchant.

They are specs of the assets' own step, not steps of their own: that step yields no output (see assets.py), and
Dagster 1.13 skips every step downstream of one that yields none (seen 2026-11-23).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as Target,
)

from mx_pipeline.defs.partitions import merchants, partition_of
from mx_pipeline.warehouse.checks import LOOKS, Finding
from mx_pipeline.warehouse.connections import Warehouse


def _spec(name: str, *, asset: str, description: str) -> dg.AssetCheckSpec:
    with warnings.catch_warnings():
        # A partition of their own keeps one merchant's pass from hiding another's failure; new in 1.13.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(name, asset=["mx", asset], description=description, partitions_def=merchants)


UNIQUE_KEYS = _spec("unique_keys", asset="payments", description="No payment stands more than once.")
NO_ORPHAN = _spec(
    "no_orphan",
    asset="enriched_transactions",
    description="Every payment has its derived row, and every link leads to an invoice that is here.",
)
CERTIFICATE_AGREES = _spec(
    "certificate_agrees",
    asset="payments",
    description="What MX Merchant says it has is here: the newest certificate agrees, and still holds.",
)
QUARANTINE_IS_SMALL = _spec(
    "quarantine_is_small",
    asset="payments",
    description="Of what MX Merchant sent, little could not be taken in: ten records, or one in a thousand.",
)
SUMS_AGREE = _spec(
    "sums_agree",
    asset="enriched_transactions",
    description="The derived rows come to exactly what the payments come to.",
)
IS_FRESH = _spec(
    "is_fresh",
    asset="payments",
    description="The last whole sync is no older than two of the merchant's intervals and a quarter of an hour.",
)
SPECS = [UNIQUE_KEYS, NO_ORPHAN, CERTIFICATE_AGREES, QUARANTINE_IS_SMALL, SUMS_AGREE, IS_FRESH]
KEYS = frozenset(spec.key for spec in SPECS)


def verdicts(
    instance: dg.DagsterInstance,
    loader: Warehouse,
    merchant_ids: Iterable[int],
    *,
    selected: Iterable[dg.AssetCheckKey] = KEYS,
) -> Iterator[dg.AssetCheckEvaluation]:
    """The selected checks of each merchant, each on its own partition."""
    for merchant_id in merchant_ids:
        with loader.merchant(merchant_id) as tenant:
            found = {key: LOOKS[key.name](tenant) for key in sorted(selected)}
        partition = partition_of(merchant_id)
        newest = {asset: _newest(instance, asset, partition) for asset in {key.asset_key for key in found}}
        for key, finding in found.items():
            yield _verdict(key, partition, finding, newest[key.asset_key])


def summed_up(given: Iterable[dg.AssetCheckEvaluation]) -> Iterator[dg.AssetCheckEvaluation]:
    """The same verdicts, then one over all of them for each check: for checks run without a partition."""
    failing: dict[dg.AssetCheckKey, list[str]] = {}
    for verdict in given:
        failed = failing.setdefault(verdict.asset_check_key, [])
        if not verdict.passed and verdict.partition is not None:
            failed.append(verdict.partition)
        yield verdict
    for key, failed in failing.items():
        yield dg.AssetCheckEvaluation(
            asset_key=key.asset_key,
            check_name=key.name,
            passed=not failed,
            metadata={"failing_merchants": dg.JsonMetadataValue(failed)},
        )


def _verdict(
    key: dg.AssetCheckKey, partition: str, finding: Finding, newest: Target | None
) -> dg.AssetCheckEvaluation:
    facts = {name: value for name, value in finding.facts.items() if value is not None}
    return dg.AssetCheckEvaluation(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=finding.is_good,
        description=finding.words,
        metadata={"merchant": partition, **facts},
        target_materialization_data=newest,
        partition=partition,
    )


def _newest(instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str) -> Target | None:
    """What the verdict speaks of; without it Dagster takes the verdict for outdated."""
    filtered = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[partition])
    records = instance.fetch_materializations(filtered, limit=1).records
    if not records:
        return None
    return Target(storage_id=records[0].storage_id, run_id=records[0].run_id, timestamp=records[0].timestamp)
