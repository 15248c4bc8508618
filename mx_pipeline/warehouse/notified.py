"""Turns what notifications name into sync requests: one for all that a merchant's name, asked as everyone asks."""

from __future__ import annotations

from contextlib import suppress

from mx_pipeline.errors import MxPipelineError
from mx_pipeline.warehouse.asking import ask_on_record
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.requests import SyncRequest
from mx_pipeline.warehouse.webhook_inbox import Due, close_batches, due, pull_open_set_forward

ASKED_BY = "process:webhook"
MOST_AT_ONCE = 50
"""Merchants; the others' turn comes with the next look, a fraction of a second later."""


def ask_for_what_is_named(dispatcher: Warehouse, loader: Warehouse) -> bool:
    """Ask for what is due. Whether something waits still, so that it is worth looking again soon.

    Raises WarehouseError. A merchant that cannot be asked for just now is left for the next look.
    """
    with dispatcher.everyone() as session:
        waiting = due(session)
        if waiting is None:
            return True
        ready = [one for one in waiting if one.wants_records or one.wants_open_set]
        for one in ready[:MOST_AT_ONCE]:
            with suppress(MxPipelineError):
                _ask(loader, one)
    return bool(waiting)


def _ask(loader: Warehouse, merchant: Due) -> None:
    if merchant.wants_records:
        ask_on_record(loader, merchant.merchant_id, SyncRequest(ASKED_BY, "webhook", mode="named"))
    if merchant.wants_open_set:
        with loader.merchant(merchant.merchant_id) as tenant:
            pull_open_set_forward(tenant)
        ask_on_record(loader, merchant.merchant_id, SyncRequest(ASKED_BY, "webhook"))
        with loader.merchant(merchant.merchant_id) as tenant:
            close_batches(tenant)
