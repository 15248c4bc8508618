"""`mx-pipeline backup` and `mx-pipeline restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mx_pipeline.operations.printing import say, say_json

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def backup(
    *,
    to: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Write the whole warehouse, of one moment, to a file that only the keys in MX_BACKUP_RECIPIENTS open.

    FILE.json beside it says how many rows of each table must come back, and holds none of their values.
    """
    import msgspec

    from mx_pipeline.operations.at_work import PLATFORM, required
    from mx_pipeline.operations.backing_up import back_up
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.settings import Settings

    # Before a server is started or a database asked.
    Settings.from_environment().recipients()
    with settings_in_force() as settings:
        made = back_up(settings, required(settings, "config.update", PLATFORM), to)
    if as_json:
        say_json({"backup": msgspec.to_builtins(made)})
    else:
        say(
            f"{sum(made.rows.values()):,} rows of {len(made.rows)} tables are in {to} ({made.bytes:,} bytes), "
            f"for {len(made.recipients)} recipients"
        )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What backup wrote.", show_default=False)],
    *,
    identity: Annotated[
        Path, typer.Option(metavar="FILE", help="As age-keygen wrote it.", show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Bring a backup back into the new, empty database that MX_DATABASE_URL names: all of it, or nothing."""
    import msgspec

    from mx_pipeline.operations.restoring import restore as restored
    from mx_pipeline.settings import Settings

    note = restored(Settings.from_environment(), file, identity)
    if as_json:
        say_json({"restored": msgspec.to_builtins(note)})
    else:
        say(
            f"{sum(note.rows.values()):,} rows of {len(note.rows)} tables came back, as many as were in it; next: "
            "mx-pipeline migrate, then mx-pipeline sync"
        )
