"""Removes a merchant at a person's word, and prints the certificate of it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.at_work import PLATFORM, at_work
from mx_pipeline.operations.context import settings_in_force
from mx_pipeline.operations.printing import say, say_json
from mx_pipeline.warehouse import removing
from mx_pipeline.warehouse.logins import logins_of

if TYPE_CHECKING:
    from mx_pipeline.warehouse.logins import Logins
    from mx_pipeline.warehouse.removing import Removed

REMAINS = (
    "its chain in the audit log, which holds no name",
    "its numbers in Dagster's history of runs",
    "backups that were made before, until they are deleted",
    "freed pages of the database's files, until Postgres writes them anew",
)


def remove(merchant_id: int, *, is_sure: bool, as_json: bool) -> None:
    """Erase it once its name was typed. Raises UnknownMerchant, BadInput."""
    with settings_in_force() as settings, at_work(settings) as here:
        here.require("config.update", PLATFORM)
        logins = logins_of(settings)
        if not is_sure:
            _confirm(logins, merchant_id)
        removed = removing.remove(logins, merchant_id, actor=here.person.actor)
    if as_json:
        say_json(_as_json(removed))
        return
    say(f"merchant {merchant_id} was erased at {removed.at.isoformat(timespec='seconds')} by {removed.actor}")
    for table, rows in sorted(removed.rows.items()):
        say(f"  {table}: {rows} rows")
    say(f"  together {sum(removed.rows.values())} rows, its sealed API key among them")
    say(f"last entry of its audit chain: {removed.entry}, {removed.hash}")
    say("what remains: " + "; ".join(REMAINS))


def _confirm(logins: Logins, merchant_id: int) -> None:
    name = removing.name_of(logins, merchant_id)
    if not sys.stdin.isatty():
        raise BadInput(
            f"removing merchant {merchant_id} erases all its data for good; confirm at a terminal, or with --yes"
        )
    typed = typer.prompt(
        f"This erases all data of merchant {merchant_id} for good. Type its name, {name!r}", err=True
    )
    if typed.strip() != name:
        raise BadInput("that is not its name; nothing was erased")


def _as_json(removed: Removed) -> dict[str, object]:
    return {
        "merchant_id": removed.merchant_id,
        "removed_at": removed.at.isoformat(),
        "removed_by": removed.actor,
        "rows": dict(sorted(removed.rows.items())),
        "total_rows": sum(removed.rows.values()),
        "audit": {"entry": removed.entry, "hash": removed.hash},
        "remains": list(REMAINS),
    }
