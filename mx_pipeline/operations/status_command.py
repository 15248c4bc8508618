"""`mx-pipeline status`: how fresh each merchant is and what its last sync proved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mx_pipeline.access import OPERATOR
from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mx_pipeline.settings import Settings


def status(
    merchant: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only this merchant.", show_default=False)
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show freshness, last outcome, open set, quarantine and waiting requests; of one merchant its certificates too."""
    from datetime import UTC, datetime

    from mx_pipeline import settings as words
    from mx_pipeline.operations.context import opened, settings_in_force
    from mx_pipeline.operations.tables import NO_MERCHANTS, status_table
    from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
    from mx_pipeline.warehouse.merchants import merchant_states, unknown

    only = None if merchant is None else words.merchant_id(merchant)
    with settings_in_force() as settings:
        with opened(settings, DISPATCHER_ROLE) as dispatcher, dispatcher.everyone() as session:
            rows = merchant_states(session, only)
        if only is not None and not rows:
            raise unknown(only)
        certificates = None if only is None else _certificates(settings, only)
    if as_json:
        proof = {} if certificates is None else {"certificates": certificates}
        say_json({"merchants": [{**_as_json(row), **proof} for row in rows]})
    elif rows:
        say_table(status_table(rows, now=datetime.now(UTC)))
        if certificates is not None:
            _say_more(rows[0], certificates)
    else:
        say(NO_MERCHANTS)


def _certificates(settings: Settings, merchant_id: int) -> list[dict[str, object]]:
    from mx_pipeline.operations.context import opened
    from mx_pipeline.warehouse.checks import latest_certificates
    from mx_pipeline.warehouse.logins import APP_ROLE

    with opened(settings, APP_ROLE) as app, app.merchant(merchant_id, person=OPERATOR) as tenant:
        return [_certificate_as_json(row) for row in latest_certificates(tenant)]


def _say_more(row: Any, certificates: Sequence[Mapping[str, object]]) -> None:
    from mx_pipeline.operations.tables import certificates_table, open_set_of

    if row.open_each_sync is not None:
        say("")
        tiers = open_set_of(row)
        say(
            f"payments that may still change: {tiers['each_sync']} are read again by each sync, "
            f"{tiers['daily']} once a day, {tiers['weekly']} once a week"
        )
    if certificates:
        say("")
        say_table(certificates_table(certificates))
        for one in certificates:
            if one["note"]:
                say(f"{one['stream']}: {one['note']}")


def _as_json(row: Any) -> dict[str, object]:
    from mx_pipeline.operations.tables import open_set_of, state_of

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
        "running_phase": row.running_phase,
    }


def _certificate_as_json(row: Any) -> dict[str, object]:
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


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
