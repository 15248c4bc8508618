"""A round: the syncs of merchants whose turn it is, several at once; one that fails is asked for again, alone."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from mx_pipeline.errors import MxPipelineError
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.sync.failed_report import failed_report
from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.sync.side_by_side import Overtaken, side_by_side
from mx_pipeline.sync.stopping import StopSign
from mx_pipeline.warehouse.asking import ask_on_record
from mx_pipeline.warehouse.due import claim_due
from mx_pipeline.warehouse.patience import patiently
from mx_pipeline.warehouse.requests import SyncRequest

ASKED_AGAIN = frozenset({"failed", "auth_failed"})
"""Who is held back by the vendor resumes by the clock; who was stopped was stopped by somebody."""


@dataclass(frozen=True)
class Round:
    """Whose turn it was at one moment."""

    answerer: Answerer
    planned_at: datetime
    """A merchant that was synced since is not due any more, however late its turn in the round comes."""
    dagster_run_id: str | None = None

    def reports(
        self, merchants: Sequence[int], *, overtaken: Overtaken | None = None
    ) -> Generator[SyncReport]:
        """As they come; none of merchants that somebody else has synced meanwhile."""
        return side_by_side(merchants, self._sync, stop=self.answerer.stop, overtaken=overtaken)

    def _sync(self, merchant_id: int, stop: StopSign) -> SyncReport | None:
        answerer = self.answerer
        try:
            claimed = patiently(
                answerer.warehouse,
                merchant_id,
                lambda tenant: claim_due(tenant, now=self.planned_at, claimed_by=answerer.name),
            )
            if claimed is None:
                return None
            report = answerer.answer_claimed(
                merchant_id, claimed, dagster_run_id=self.dagster_run_id, stop=stop
            )
        except MxPipelineError as error:
            return failed_report(merchant_id, error)
        if report.outcome in ASKED_AGAIN:
            with suppress(MxPipelineError):
                again = SyncRequest("schedule", "schedule", mode=claimed.request.mode)
                ask_on_record(answerer.warehouse, merchant_id, again)
        return report
