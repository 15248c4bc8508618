"""Runs the Dagster job for a claimed request in this process, as a run that the UI shows like any other."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.execution.build_resources import wrap_resources_for_execution
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)

from mx_pipeline.definitions import defs
from mx_pipeline.defs.jobs import sync_merchant
from mx_pipeline.defs.partitions import merchants, partition_of
from mx_pipeline.defs.run_logs import run_config_of_logs
from mx_pipeline.defs.syncing import RUNS_IN_TAG, WORKER_TAG, tags_of_request
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.dispatching import Waiting

LOCATION = "mx_pipeline"
"""As workspace.yaml names it, so that the UI finds the job of a run, and can run it again."""
REPOSITORY = "__repository__"
"""Dagster's own name for what stands in a `Definitions`."""


@dataclass(frozen=True)
class WarmMx:
    """Stands in for `MxResource`: one answerer for all runs of this process, its connections and budgets warm.

    No `ConfigurableResource` itself: Dagster makes a new one of those for every run.
    """

    kept: Answerer

    @contextmanager
    def answerer(self, name: str) -> Generator[Answerer]:
        """The kept one, under the name of this run."""
        yield self.kept.under(name)


@dataclass(frozen=True)
class WarmWarehouse:
    """Stands in for `WarehouseResource`: the loader's connections stay open between runs."""

    kept: Warehouse

    @contextmanager
    def loader(self) -> Generator[Warehouse]:
        """The kept one."""
        yield self.kept


class RequestRuns:
    """The job, resolved once, and the instance that its runs are kept in."""

    def __init__(self, instance: dg.DagsterInstance, answerer: Answerer) -> None:
        """`answerer` stays open as long as this is used."""
        self._instance = instance
        warm = {"mx": WarmMx(answerer), "warehouse": WarmWarehouse(answerer.warehouse)}
        self._job = defs.resolve_job_def(sync_merchant.name).as_ephemeral_job(
            resource_defs=wrap_resources_for_execution(warm), input_values={}
        )

    def run(self, run_id: str, request: Waiting, *, worker: str) -> bool:
        """One run to its end; whatever the sync's outcome is, the asset writes it. Was the run a success?"""
        partition = partition_of(request.merchant_id)
        if not self._instance.has_dynamic_partition(str(merchants.name), partition):
            # A merchant that was added a moment ago: the sensor has not met it yet.
            self._instance.add_dynamic_partitions(str(merchants.name), [partition])
        tags = {
            **self._job.get_tags_for_partition_key(partition, selected_asset_keys=None),
            **tags_of_request(request.request_id, request.correlation_id),
            WORKER_TAG: worker,
            **RUNS_IN_TAG,
        }
        run = self._instance.create_run_for_job(
            self._job,
            run_id=run_id,
            tags=tags,
            run_config=run_config_of_logs(),
            remote_job_origin=_origin(self._job.name),
        )
        events = list(execute_run_iterator(InMemoryJob(self._job), run, self._instance))
        return not any(event.is_run_failure for event in events)


def _origin(job: str) -> RemoteJobOrigin:
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), REPOSITORY)
    return RemoteJobOrigin(repository, job)
