"""What `status --json` says of one merchant, and of one certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mx_pipeline.operations.tables import open_set_of, state_of

if TYPE_CHECKING:
    from datetime import datetime

    from mx_pipeline.warehouse.checks import Finding


def merchant_as_json(row: Any) -> dict[str, object]:
    """One element of `merchants`; `row` is of `merchant_states`."""
    return {
        "merchant_id": row.merchant_id,
        "name": row.name,
        "environment": row.environment,
        "timezone": row.timezone,
        "interval_minutes": row.interval_minutes,
        "state": state_of(row).replace(" ", "_"),
        "last_outcome": row.last_outcome,
        "resumes_at": _moment(row.resumes_at),
        "last_success_at": _moment(row.last_success_at),
        "completed_at": _moment(row.completed_at),
        "record_count": row.record_count,
        "certificate": row.last_verdict,
        "open_set": None if row.open_each_sync is None else open_set_of(row),
        "quarantined": row.quarantined or 0,
        "waiting_requests": row.waiting,
        "unanswered_requests": row.unanswered,
        "running_phase": row.running_phase,
    }


def certificate_as_json(row: Any) -> dict[str, object]:
    """One element of `certificates` of one merchant."""
    return {
        "stream": row.stream,
        "scope": row.scope,
        "basis": row.basis,
        "verdict": row.verdict,
        "source_count": row.source_count,
        "our_count": row.our_count,
        "source_sum": None if row.source_sum is None else str(row.source_sum),
        "our_sum": None if row.our_sum is None else str(row.our_sum),
        "missing_ids": row.missing_ids,
        "surplus_ids": row.surplus_ids,
        "note": row.note,
        "made_at": _moment(row.made_at),
    }


def check_as_json(found: Finding) -> dict[str, object]:
    """One element of `checks` of one merchant."""
    return {"passed": found.is_good, "words": found.words, "facts": dict(found.facts)}


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
