"""What a round tells Dagster of its merchants: some merchants at a time, since each write waits for a flush."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata, generate_event_batch_id

from mx_pipeline.defs import checks
from mx_pipeline.defs.assets import materializations
from mx_pipeline.defs.failures import is_as_before, made_it
from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.warehouse.connections import Warehouse

MERCHANTS_AT_ONCE = 25
"""A sync's four events one by one were 25 ms of CPU on both sides; 25 merchants' in four writes are 8 (2026-11-24)."""
LONGEST_WAIT_SECONDS = 5.0
"""So long the UI knows less than the warehouse; a round that is killed then has told that much less."""


@dataclass
class Telling:
    """The merchants of a round that have ended and are not told yet."""

    context: dg.OpExecutionContext
    loader: Warehouse
    _ended: list[SyncReport] = field(default_factory=list[SyncReport])
    _since: float = 0.0

    def add(self, report: SyncReport) -> None:
        """One that did not make it has no events: it is asked for again, as a run of its own."""
        if not made_it(report):
            return
        if not self._ended:
            self._since = time.monotonic()
        self._ended.append(report)
        if len(self._ended) >= MERCHANTS_AT_ONCE or time.monotonic() - self._since > LONGEST_WAIT_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Most merchants of a round are as they were: for them, that they were looked at is told, in few words."""
        ended, self._ended = self._ended, []
        by_asset = dict[dg.AssetKey, list[dg.AssetMaterialization]]()
        for report in ended:
            for made in materializations(self.loader, report, is_brief=is_as_before(report)):
                by_asset.setdefault(made.asset_key, []).append(made)
        for of_one_asset in by_asset.values():
            _log(self.context, of_one_asset)
        news = [report.merchant_id for report in ended if not is_as_before(report)]
        for verdict in checks.verdicts(self.context.instance, self.loader, news):
            # Not without a run: of such verdicts Dagster 1.13.27 stores one for each partition, and refuses the next.
            self.context.log_event(verdict)


@contextmanager
def telling(context: dg.OpExecutionContext, loader: Warehouse) -> Generator[Telling]:
    """However the round ends, what it has done is told."""
    told = Telling(context, loader)
    try:
        yield told
    finally:
        told.tell()


def _log(context: dg.OpExecutionContext, made: Sequence[dg.AssetMaterialization]) -> None:
    """As `log_event` does, but in one write: Dagster's own way for an output of many partitions.

    DAGSTER_EVENT_BATCH_SIZE says how many at most; where it is not set, each is written for itself.
    """
    batch, step = generate_event_batch_id(), context.get_step_execution_context()
    for number, one in enumerate(made, start=1):
        DagsterEvent.asset_materialization(
            step, one, DagsterEventBatchMetadata(batch, is_end=number == len(made))
        )
