"""The job that every request becomes: one merchant, all phases, and their checks."""

from __future__ import annotations

import dagster as dg

from mx_pipeline.defs.anomalies import no_anomaly
from mx_pipeline.defs.assets import merchant_sync

sync_merchant = dg.define_asset_job(
    "sync_merchant",
    selection=dg.AssetSelection.assets(merchant_sync) - dg.AssetSelection.checks(no_anomaly),
    description="Bring one merchant up to date: payments, invoice map, invoice details, enriched transactions.",
    executor_def=dg.in_process_executor,
)
