"""Ends, in Dagster, the runs of workers that were lost: nothing launched them, so no monitor watches them."""

from __future__ import annotations

import dagster as dg

from mx_pipeline.defs.syncing import RUNS_IN_TAG, answerer_of
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.dispatching import who_has_claims

OPEN = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
MOST = 100
LOST = "the worker that ran it was lost; its request is answered by another run"


class LostRuns:
    """A run without a claim is lost, if it is still so at the second look: between answer and end lie moments."""

    def __init__(self, instance: dg.DagsterInstance, dispatcher: Warehouse) -> None:
        """As what sees all requests."""
        self._instance, self._dispatcher = instance, dispatcher
        self._suspects: set[str] = set()

    def report(self) -> list[str]:
        """Look once; returns the runs that were reported as failed."""
        wanted = dg.RunsFilter(statuses=OPEN, tags=RUNS_IN_TAG)
        open_runs = {run.run_id: run for run in self._instance.get_runs(wanted, limit=MOST)}
        if not open_runs:
            self._suspects.clear()
            return []
        with self._dispatcher.everyone() as session:
            claims = who_has_claims(session, [answerer_of(run_id) for run_id in open_runs])
        unclaimed = {run_id for run_id in open_runs if answerer_of(run_id) not in claims}
        lost = unclaimed & self._suspects
        for run_id in lost:
            self._instance.report_run_failed(open_runs[run_id], LOST)
        self._suspects = unclaimed - lost
        return sorted(lost)
