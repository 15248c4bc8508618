"""`mx-pipeline doctor`: looks at an installation from outside, and says of each fault what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mx_pipeline.operations.border import ExitCode
from mx_pipeline.operations.printing import one_line, say, say_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx_pipeline.operations.doctor.findings import Finding, Part
    from mx_pipeline.settings import Settings

LOOK_SECONDS = 6.0
LAST_LOOK_SECONDS = 1.5
NARROW, WIDE = 4, 18


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Check database, roles, row-level security, keys, MX Merchant's hosts, Dagster and workers; change nothing."""
    from mx_pipeline.operations.doctor.findings import Verdict

    findings = _findings()
    is_well = all(one.verdict is not Verdict.FAIL for one in findings)
    if as_json:
        found = [{"check": one.check, "verdict": one.verdict, "told": one_line(one.told)} for one in findings]
        say_json({"is_well": is_well, "findings": found})
    else:
        for one in findings:
            say(f"{one.verdict:<{NARROW}}  {one.check:<{WIDE}}  {one_line(one.told)}")
    if not is_well:
        raise typer.Exit(ExitCode.FAILED)


def _findings() -> Sequence[Finding]:
    from mx_pipeline.errors import BadSettings
    from mx_pipeline.operations.doctor.findings import fail, ok, side_by_side
    from mx_pipeline.operations.doctor.of_answering import answering
    from mx_pipeline.settings import Settings

    try:
        settings = Settings.from_environment()
        parts = _parts(settings)
    except BadSettings as error:
        return [fail("settings", str(error))]
    _let_in(settings)
    found = [ok("settings", "are complete"), *side_by_side(parts, seconds=LOOK_SECONDS)]
    last = {"workers": lambda: [answering(settings, found)]}
    return [*found, *side_by_side(last, seconds=LAST_LOOK_SECONDS)]


def _parts(settings: Settings) -> dict[str, Part]:
    from mx_pipeline.operations.doctor import (
        of_answering,
        of_dagster,
        of_database,
        of_merchants,
        of_seeing,
        of_vendor,
    )
    from mx_pipeline.warehouse.logins import logins_of

    logins = logins_of(settings)
    return {
        "database": lambda: of_database.database(logins),
        "logins": lambda: of_database.logins_get_in(logins),
        "merchants": lambda: of_merchants.merchants(settings),
        "MX Merchant": lambda: of_vendor.vendor(settings),
        of_dagster.FILE: of_dagster.instance_file,
        "Dagster's database": lambda: of_dagster.storage(settings),
        "seeing": lambda: of_seeing.seeing(settings),
        "bell": lambda: of_answering.bell(settings),
        "canary": lambda: of_answering.canary(settings),
    }


def _let_in(settings: Settings) -> None:
    """A person with a token needs the same as for other commands about the installation. Raises AccessDenied.

    Where the database is what is broken, the findings say so: they hold nothing of a merchant but ids.
    """
    from contextlib import suppress

    from mx_pipeline.errors import WarehouseError
    from mx_pipeline.operations.at_work import PLATFORM, required

    if settings.token is not None:
        with suppress(WarehouseError):
            required(settings, "config.update", PLATFORM)
