"""Phase 5: links, products and categories, derived in SQL from what is stored."""

from __future__ import annotations

from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.deriving import derive, stale_payments


def enrich(work: Work) -> None:
    """Derive again what may have changed; everything, in a full sync."""
    with work.tenant() as tenant:
        meant = None if work.order.mode == "full" else stale_payments(tenant)
        if meant is None or meant:
            work.add(Phase.ENRICHED_TRANSACTIONS, derive(tenant, meant))
        tenant.run("sync", "keep_derived_through", run_id=work.run_id)
