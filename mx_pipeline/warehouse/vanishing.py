"""What MX listed and then denied: kept with its history, marked, and not asked for at every turn."""

from __future__ import annotations

from collections.abc import Sequence

from mx_pipeline.records import RefusedRecord
from mx_pipeline.warehouse.connections import Tenant

NOT_SHOWN = "MX does not show it (not found, or not this merchant's), asked twice"
ASK_AGAIN_AFTER_HOURS = 24


def mark_vanished(tenant: Tenant, stream: str, refused: Sequence[RefusedRecord]) -> None:
    """Mark the invoices that MX denied; their rows and lines stay as they were last seen."""
    denied = [record.mx_id for record in refused if record.reason == NOT_SHOWN]
    if denied and stream == "invoice_details":
        tenant.run("invoices", "mark_vanished", ids=denied)


def denied_lately(tenant: Tenant, stream: str) -> list[int]:
    """Records of this stream that MX denied within a day, by the database's clock."""
    return tenant.column(
        "sync", "denied_lately", stream=stream, reason=NOT_SHOWN, hours=ASK_AGAIN_AFTER_HOURS
    )
