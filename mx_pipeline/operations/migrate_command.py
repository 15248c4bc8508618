"""`mx-pipeline migrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from mx_pipeline.operations.printing import say, say_json


def migrate(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Bring the warehouse's schema and login roles up to date; safe to repeat."""
    from mx_pipeline.operations.at_work import PLATFORM, required
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.warehouse import migrate as migration
    from mx_pipeline.warehouse.logins import logins_of

    with settings_in_force() as settings:
        required(settings, "config.update", PLATFORM)
        done = migration.migrate(logins_of(settings))
    if as_json:
        say_json({"database": done.database, "before": done.before, "after": done.after})
    elif done.before == done.after:
        say(f"database {done.database} is up to date (migration {done.after})")
    else:
        say(f"database {done.database} migrated from {done.before or 'nothing'} to {done.after}")
