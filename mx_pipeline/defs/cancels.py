"""A cancel is one on both sides: a run that a person ended cancels its request, a cancelled request ends its run.

Both are read from rows at every tick of the sensor, so that nothing is missed while the daemon is away.
"""

from __future__ import annotations

import dagster as dg

from mx_pipeline.defs.launcher import BY, EndsWarmRuns
from mx_pipeline.defs.syncing import REQUEST_TAG, answerer_name
from mx_pipeline.warehouse.cancelling import cancel
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.dispatching import cancelled_since_launched, forget_launches, tried_before
from mx_pipeline.warehouse.requests import give_up

QUEUED = [dg.DagsterRunStatus.QUEUED]
NOT_BEGUN = [*QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING]


def keep_cancels(instance: dg.DagsterInstance, dispatcher: Warehouse, loader: Warehouse) -> None:
    """Before anything is launched, or launched anew. Raises WarehouseError."""
    _cancel_requests_of_cancelled_runs(instance, dispatcher, loader)
    _end_runs_of_cancelled_requests(instance, dispatcher)


def _cancel_requests_of_cancelled_runs(
    instance: dg.DagsterInstance, dispatcher: Warehouse, loader: Warehouse
) -> None:
    """Whoever pressed Terminate does not want the next run either: not of one that nobody had begun, nor of one whose
    process ended with a claim in its hands.
    """
    with dispatcher.everyone() as session:
        open_requests = {str(one.request_id): one for one in tried_before(session)}
    if not open_requests:
        return
    ended = dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELED], tags={REQUEST_TAG: list(open_requests)})
    for run in instance.get_runs(ended):
        request = open_requests[run.tags[REQUEST_TAG]]
        if request.claimed_by not in (None, answerer_name(run)):
            continue
        with loader.merchant(request.merchant_id) as tenant:
            if cancel(tenant, request.request_id, by=BY, although_joined=True) == "stopping":
                # Nobody is left to stop; a process that outlives its run stops at its next page.
                give_up(tenant, request.request_id, outcome="cancelled", message=f"cancelled by {BY}")


def _end_runs_of_cancelled_requests(instance: dg.DagsterInstance, dispatcher: Warehouse) -> None:
    """One that has begun ends by itself: it finds that nobody waits for it."""
    with dispatcher.everyone() as session:
        cancelled = cancelled_since_launched(session)
    if not cancelled:
        return
    wanted = dg.RunsFilter(
        statuses=_not_begun(instance), tags={REQUEST_TAG: [str(one.request_id) for one in cancelled]}
    )
    for run in instance.get_runs(wanted):
        instance.run_coordinator.cancel_run(run.run_id)
    with dispatcher.everyone() as session:
        forget_launches(session, cancelled)


def _not_begun(instance: dg.DagsterInstance) -> list[dg.DagsterRunStatus]:
    launcher = instance.run_launcher
    waits_after_launch = isinstance(launcher, EndsWarmRuns) and launcher.keeps_runs_waiting
    return NOT_BEGUN if waits_after_launch else QUEUED
