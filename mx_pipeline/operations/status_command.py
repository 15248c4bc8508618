"""`mx-pipeline status`: how fresh each merchant is and what its last sync proved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from datetime import datetime


def status(
    merchant: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this merchant.", show_default=False)
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show freshness, last outcome, certificate, quarantine and waiting requests of each merchant."""
    from datetime import UTC, datetime

    from mx_pipeline import settings as words
    from mx_pipeline.operations.context import opened, settings_in_force
    from mx_pipeline.operations.tables import NO_MERCHANTS, status_table
    from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
    from mx_pipeline.warehouse.merchants import merchant_states, unknown

    only = None if merchant is None else words.merchant_id(merchant)
    with (
        settings_in_force() as settings,
        opened(settings, DISPATCHER_ROLE) as warehouse,
        warehouse.everyone() as session,
    ):
        rows = merchant_states(session, only)
    if only is not None and not rows:
        raise unknown(only)
    if as_json:
        say_json({"merchants": [_as_json(row) for row in rows]})
    elif rows:
        say_table(status_table(rows, now=datetime.now(UTC)))
    else:
        say(NO_MERCHANTS)


def _as_json(row: Any) -> dict[str, object]:
    from mx_pipeline.operations.tables import state_of

    return {
        "merchant_id": row.merchant_id,
        "name": row.name,
        "environment": row.environment,
        "timezone": row.timezone,
        "state": state_of(row).replace(" ", "_"),
        "last_outcome": row.last_outcome,
        "last_success_at": _moment(row.last_success_at),
        "completed_at": _moment(row.completed_at),
        "record_count": row.record_count,
        "certificate": row.last_verdict,
        "quarantined": row.quarantined or 0,
        "waiting_requests": row.waiting,
        "running_phase": row.running_phase,
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
