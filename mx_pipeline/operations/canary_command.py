"""`mx-pipeline canary`: whether a payment comes all the way, and every door between two merchants is shut."""

from __future__ import annotations

from typing import Annotated

import typer

from mx_pipeline.operations.border import ExitCode
from mx_pipeline.operations.printing import say, say_json

PATIENCE_SECONDS = 120.0


def canary(
    *,
    patience: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long a sync may wait and take.")
    ] = PATIENCE_SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Send a payment of our own all the way, and try the doors to another merchant; needs MX_CANARY_URL."""
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.canary import look
    from mx_pipeline.operations.context import settings_in_force

    with settings_in_force() as settings, at_work(settings) as here:
        found = look(settings, here, patience_seconds=patience)
    if as_json:
        say_json(found.as_json())
    else:
        took = ", ".join(f"{step} {seconds} s" for step, seconds in found.seconds.items())
        say(f"well: {took}" if found.failed is None else f"failed at {found.failed} ({took})")
    raise typer.Exit(ExitCode.SUCCESS if found.failed is None else ExitCode.FAILED)
