"""What a sync's statistics say about being held back: when it goes on, and how much of a quota is used."""

from __future__ import annotations

from dataclasses import replace

from mx_pipeline.mx_api.merchant_gate import MerchantGate
from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.warehouse.budgets import annotate_run
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.patience import patiently

RESUME_AFTER_SECONDS = 60
"""Where the vendor asked for fewer calls and did not say for how long."""


def held_back(warehouse: Warehouse, report: SyncReport, gate: MerchantGate) -> SyncReport:
    """The report, with the moment in its message and statistics where it is parked; the run's row is the same."""
    warning = gate.quota.warning if gate.quota else None
    is_parked = report.outcome == "rate_limited"
    if report.run_id is None or not (is_parked or warning):
        return report
    resumes_in = max(gate.resumes_in(), RESUME_AFTER_SECONDS) if is_parked else None
    run_id = report.run_id
    noted: dict[str, object] = {"quotaWarning": warning} if warning else {}
    message, stats = patiently(
        warehouse,
        report.merchant_id,
        lambda tenant: annotate_run(tenant, run_id, stats=noted, resumes_in=resumes_in),
    )
    return replace(report, message=message, stats={**report.stats, **stats})
