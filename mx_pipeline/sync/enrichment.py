"""Phase 5: links, products and categories, derived in SQL from what is stored."""

from __future__ import annotations

from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import derive, stale_payments
from mx_pipeline.warehouse.loading import Merged


def enrich(work: Work) -> None:
    """Derive again what may have changed; everything, in a full sync."""

    def write(tenant: Tenant) -> Merged:
        meant = None if work.order.mode == "full" else stale_payments(tenant)
        merged = derive(tenant, meant) if meant is None or len(meant) else Merged()
        tenant.run("sync", "keep_derived_through", run_id=work.run_id)
        return merged

    work.add(Phase.ENRICHED_TRANSACTIONS, work.commit(write))
