"""Runs one ordered sync from its first call to its certificate, and says truthfully how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from mx_pipeline.correlation import correlated
from mx_pipeline.errors import (
    LeaseLost,
    MxCredentialsRefused,
    SyncInterrupted,
    SyncStopped,
    WarehouseError,
)
from mx_pipeline.mx_api.client import MxClient
from mx_pipeline.sync.certificate import certify
from mx_pipeline.sync.details import read_details
from mx_pipeline.sync.ending import ended_by
from mx_pipeline.sync.enrichment import enrich
from mx_pipeline.sync.invoice_flight import invoice_flight
from mx_pipeline.sync.invoice_list import invoice_list
from mx_pipeline.sync.invoice_map import read_invoice_map
from mx_pipeline.sync.named import sync_named
from mx_pipeline.sync.orders import Outcome, Phase, Stat, SyncOrder, SyncReport
from mx_pipeline.sync.payments import read_payments
from mx_pipeline.sync.statistics import statistics
from mx_pipeline.sync.stopping import StopSign
from mx_pipeline.sync.work import CallCount, DatabaseClock, Work
from mx_pipeline.warehouse.cancelling import heed_cancelling
from mx_pipeline.warehouse.connections import Tenant, Warehouse
from mx_pipeline.warehouse.patience import commit_once
from mx_pipeline.warehouse.rows import json

LONGEST_MESSAGE = 1000


def run_sync(
    order: SyncOrder,
    client: MxClient,
    warehouse: Warehouse,
    calls: CallCount,
    *,
    token: int,
    stop: StopSign | None = None,
) -> SyncReport:
    """Sync one merchant. What goes wrong with it becomes the report's outcome, so no neighbour is touched.

    `calls` is what the client tells of its requests, `token` that of the merchant's lease, `stop` this process's
    own sign that it must end. Raises WarehouseError
    only where the database is so far gone that not even the outcome can be written.
    """
    started, began = datetime.now(UTC), time.monotonic()
    work = _begin(order, client, warehouse, calls, token)
    work.stop = stop or work.stop
    with correlated(run_id=work.run_id):
        outcome, message = _phases(work)
        stats = _statistics(work)
    finished = datetime.now(UTC)
    report = SyncReport(
        merchant_id=order.merchant_id,
        run_id=work.run_id,
        outcome=outcome,
        message=message[:LONGEST_MESSAGE],
        started_at=started,
        finished_at=finished,
        seconds=time.monotonic() - began,
        stats=stats,
        certificates=tuple(work.certificates),
        phases_done=dict(work.phases_done),
        is_interrupted=work.is_interrupted,
    )
    _end(work, report)
    return report


def _begin(order: SyncOrder, client: MxClient, warehouse: Warehouse, calls: CallCount, token: int) -> Work:
    first = next((phase for phase in Phase if phase in order.phases), None)

    def write(tenant: Tenant) -> tuple[int, DatabaseClock]:
        run = tenant.one(
            "sync",
            "start_run",
            request_id=order.request_id,
            dagster_run_id=order.dagster_run_id,
            mode=order.mode,
            parameters=json({"latest": order.latest, "phases": sorted(order.phases)}),
            phase=first,
        )
        clock = DatabaseClock(run.clock, time.monotonic())
        if order.request_id is not None:
            heed_cancelling(tenant, order.request_id)
        return run.run_id, clock

    run_id, clock = commit_once(warehouse, order.merchant_id, token, write)
    return Work(
        order=order,
        run_id=run_id,
        client=client,
        warehouse=warehouse,
        token=token,
        clock=clock,
        calls=calls,
        told_phase=first,
    )


def _phases(work: Work) -> tuple[Outcome, str]:
    try:
        _run_phases(work)
    except Exception as error:
        if isinstance(error, MxCredentialsRefused):
            work.commit(lambda tenant: tenant.run("merchants", "refuse_credentials"))
        work.is_interrupted = isinstance(error, SyncInterrupted)
        return ended_by(error)
    if work.notes:
        return "partial", "not complete: " + "; ".join(work.notes)
    return "success", ""


def _run_phases(work: Work) -> None:
    ordered = work.order.phases
    to_ask: Sequence[int] = ()
    if work.order.mode == "named":
        with invoice_flight(work) as invoices:
            sync_named(work, invoices)
        return
    with invoice_list(work) as listed, invoice_flight(work) as invoices:
        if Phase.PAYMENTS in ordered:
            with work.phase(Phase.PAYMENTS):
                read_payments(work, listed)
        if Phase.INVOICE_MAP in ordered:
            with work.phase(Phase.INVOICE_MAP):
                to_ask = read_invoice_map(work, listed, invoices)
        if Phase.INVOICE_DETAILS in ordered:
            with work.phase(Phase.INVOICE_DETAILS):
                read_details(work, invoices, to_ask)
    if Phase.ENRICHED_TRANSACTIONS in ordered:
        with work.phase(Phase.ENRICHED_TRANSACTIONS):
            enrich(work)
    if Phase.PAYMENTS in ordered:
        certify(work)


def _statistics(work: Work) -> dict[str, Stat]:
    try:
        return statistics(work)
    except (WarehouseError, LeaseLost, SyncStopped, SyncInterrupted):
        # The run has failed already, and says why.
        return {"apiCalls": work.calls.total, "transactionsSynced": work.payments.distinct}


def _end(work: Work, report: SyncReport) -> None:
    verdict = next((made.verdict for made in work.certificates if made.stream == "payments"), None)

    def write(tenant: Tenant) -> None:
        work.keep_calls(tenant)
        _finish(tenant, work, report)
        if work.order.mode == "named":
            return  # how fresh the merchant is, and what it proved, is said by syncs of its lists
        tenant.run(
            "sync",
            "keep_outcome",
            run_id=work.run_id,
            outcome=report.outcome,
            verdict=verdict,
            quarantined=tenant.one("sync", "quarantined")[0],
        )

    # Whoever has taken the merchant over has closed this run already, and of a removed one there is no run.
    with suppress(LeaseLost, SyncStopped):
        work.commit(write, closes=True)


def _finish(tenant: Tenant, work: Work, report: SyncReport) -> None:
    tenant.run(
        "sync",
        "finish_run",
        run_id=work.run_id,
        outcome=report.outcome,
        message=report.message,
        stats=json(dict(report.stats)),
        progress=work.progress.as_json(),
    )
