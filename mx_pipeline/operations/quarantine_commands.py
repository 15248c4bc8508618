"""`mx-pipeline quarantine`: what could not be taken in, and trying it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx_pipeline.settings import Settings

app = typer.Typer(help="Records that could not be taken in: see them, try them again.", no_args_is_help=True)

MERCHANTS = typer.Argument(metavar="[ID]...", help="Only these merchants; else all.", show_default=False)


@app.command("list")
def list_held(
    merchants: Annotated[list[str] | None, MERCHANTS] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show what is held, with the reason; never what the record said."""
    from mx_pipeline.operations.context import opened, settings_in_force
    from mx_pipeline.operations.tables import quarantine_table
    from mx_pipeline.warehouse.logins import APP_ROLE
    from mx_pipeline.warehouse.quarantine import held

    found: list[dict[str, object]] = []
    with settings_in_force() as settings, opened(settings, APP_ROLE) as app_role:
        for merchant_id in _chosen(settings, merchants or ()):
            with app_role.merchant(merchant_id) as tenant:
                found += [_as_json(merchant_id, row) for row in held(tenant)]
    if as_json:
        say_json({"quarantine": found})
    elif found:
        say_table(quarantine_table(found))
    else:
        say("nothing is in quarantine")


@app.command("replay")
def replay(
    merchants: Annotated[list[str] | None, MERCHANTS] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Try everything that is held again, now, with a sync of each merchant that holds something."""
    from mx_pipeline.operations.context import opened, settings_in_force
    from mx_pipeline.operations.sync_command import sync
    from mx_pipeline.warehouse.logins import APP_ROLE
    from mx_pipeline.warehouse.quarantine import mark_for_replay

    holding: list[int] = []
    with settings_in_force() as settings, opened(settings, APP_ROLE) as app_role:
        for merchant_id in _chosen(settings, merchants or ()):
            with app_role.merchant(merchant_id) as tenant:
                if mark_for_replay(tenant):
                    holding.append(merchant_id)
    if not holding:
        if as_json:
            say_json({"runs": []})
        else:
            say("nothing is in quarantine")
        return
    sync([str(merchant_id) for merchant_id in holding], as_json=as_json)


def _as_json(merchant_id: int, row: Any) -> dict[str, object]:
    return {
        "merchant_id": merchant_id,
        "stream": row.stream,
        "mx_id": row.mx_id,
        "reason": row.reason,
        "keys": row.keys,
        "attempts": row.attempts,
        "first_seen_at": row.first_seen_at.isoformat(),
        "last_seen_at": row.last_seen_at.isoformat(),
    }


def _chosen(settings: Settings, named: Sequence[str]) -> list[int]:
    from mx_pipeline import settings as words
    from mx_pipeline.operations.context import opened
    from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
    from mx_pipeline.warehouse.merchants import list_merchants, unknown

    with opened(settings, DISPATCHER_ROLE) as warehouse, warehouse.everyone() as session:
        known = [merchant.merchant_id for merchant in list_merchants(session)]
    wanted = [words.merchant_id(text) for text in named]
    for merchant_id in wanted:
        if merchant_id not in known:
            raise unknown(merchant_id)
    return wanted or known
