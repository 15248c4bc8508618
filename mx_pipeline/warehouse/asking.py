"""Asks for a sync in a transaction of its own, so that a refusal, too, goes on the record."""

from __future__ import annotations

from contextlib import suppress

from mx_pipeline.access import NOBODY
from mx_pipeline.errors import BadInput, MxPipelineError, UnknownMerchant, WarehouseError
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.requests import SyncRequest, actor_of, ask


def ask_on_record(
    warehouse: Warehouse,
    merchant_id: int,
    request: SyncRequest,
    *,
    claimed_by: str | None = None,
    person: str = NOBODY,
) -> int:
    """As `ask`, for a person. Returns the request's id; raises what it raises, recorded."""
    try:
        with warehouse.merchant(merchant_id, person=person) as tenant:
            return ask(tenant, request, claimed_by=claimed_by)
    except (BadInput, UnknownMerchant) as error:
        record_refusal(warehouse, merchant_id, request, error)
        raise


def record_refusal(
    warehouse: Warehouse, merchant_id: int, request: SyncRequest, error: MxPipelineError
) -> None:
    """Whoever asked is told the refusal itself, whether or not it could be recorded."""
    # An id that no merchant has gets no chain of its own.
    opened = warehouse.everyone() if isinstance(error, UnknownMerchant) else warehouse.merchant(merchant_id)
    with suppress(WarehouseError), opened as session:
        record(
            session,
            actor=actor_of(request.asked_by),
            action="sync.refused",
            subject=f"merchant {merchant_id}",
            detail={"through": request.asked_through, "mode": request.mode, "why": error.code},
        )
