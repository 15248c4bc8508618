"""The report of a sync that could not even begin."""

from __future__ import annotations

from datetime import UTC, datetime

from mx_pipeline.errors import MxCredentialsRefused, MxPipelineError, SyncStopped
from mx_pipeline.sync.orders import Outcome, SyncReport


def failed_report(merchant_id: int, error: MxPipelineError) -> SyncReport:
    """A sync that could not even begin."""
    now = datetime.now(UTC)
    return SyncReport(
        merchant_id=merchant_id,
        run_id=None,
        outcome=_outcome(error),
        message=str(error),
        started_at=now,
        finished_at=now,
        seconds=0.0,
    )


def _outcome(error: MxPipelineError) -> Outcome:
    if isinstance(error, SyncStopped):
        return "cancelled"
    return "auth_failed" if isinstance(error, MxCredentialsRefused) else "failed"
