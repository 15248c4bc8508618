"""Dagster's own launcher, and Terminate for the runs of warm workers, which nothing has launched."""

from __future__ import annotations

from typing import ClassVar

import dagster as dg
from dagster._core.launcher import RunLauncher as AnyLauncher
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher

from mx_pipeline.access import OPERATOR
from mx_pipeline.defs.partitions import merchant_of
from mx_pipeline.defs.syncing import REQUEST_TAG, RUNS_IN_TAG
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.cancelling import cancel
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import APP_ROLE, logins_of

PARTITION_TAG = "dagster/partition"
BY = "process:dagster"
"""The page has no login of its own, so nobody knows who pressed the button."""


class EndsWarmRuns(AnyLauncher):
    """What every launcher here is beside its own kind."""

    keeps_runs_waiting: ClassVar[bool] = False
    """May a run that was launched lie somewhere until a worker takes it?"""

    def terminate(self, run_id: str) -> bool:
        """Stop a run within a page. Raises WarehouseError."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or not is_warm(run):
            return bool(super().terminate(run_id))
        self._instance.report_run_canceling(run)
        _cancel_request(run)
        return True


class RunLauncher(EndsWarmRuns, DefaultRunLauncher):
    """As dagster.yaml names it."""


def is_warm(run: dg.DagsterRun) -> bool:
    """Does a warm worker run it in its own process?"""
    return RUNS_IN_TAG.items() <= run.tags.items()


def _cancel_request(run: dg.DagsterRun) -> None:
    warehouse = Warehouse(logins_of(Settings.from_environment()), APP_ROLE)
    try:
        with warehouse.merchant(merchant_of(run.tags[PARTITION_TAG]), person=OPERATOR) as tenant:
            cancel(tenant, int(run.tags[REQUEST_TAG]), by=BY, although_joined=True)
    finally:
        warehouse.close()
