"""What an error makes of a sync: its outcome, and the words for it."""

from __future__ import annotations

from mx_pipeline.errors import (
    MxCredentialsRefused,
    MxPipelineError,
    MxRateLimited,
    SyncInterrupted,
    SyncStopped,
)
from mx_pipeline.sync.defects import defect
from mx_pipeline.sync.orders import Outcome


def ended_by(error: Exception) -> tuple[Outcome, str]:
    """The outcome, and what to tell; what nobody raised on purpose is told without its text."""
    match error:
        case MxCredentialsRefused():
            return "auth_failed", str(error)
        case MxRateLimited():
            return "rate_limited", str(error)
        case SyncStopped() | SyncInterrupted():
            return "cancelled", str(error)
        case MxPipelineError():
            return "failed", str(error)
        case _:
            return "failed", defect(error)
