"""`mx-pipeline audit …`: who did what, and the proof that nobody changed the record of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mx_pipeline.errors import WarehouseError
from mx_pipeline.operations.border import ExitCode
from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx_pipeline.warehouse.audit_chain import ChainEnd, Verified

app = typer.Typer(help="Who did what, in a log that is only ever added to.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
SHOWN = 100


@app.command("list")
def list_(
    *,
    merchant: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this merchant's; 0 for the platform's.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="From this day on, in UTC.")] = None,
    most: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = SHOWN,
    as_json: AsJson = False,
) -> None:
    """Show the newest events, newest first."""
    from datetime import UTC, datetime, time

    from mx_pipeline import words
    from mx_pipeline.operations.at_work import PLATFORM, required
    from mx_pipeline.operations.context import opened, settings_in_force
    from mx_pipeline.operations.tables import audit_table
    from mx_pipeline.warehouse.audit import events
    from mx_pipeline.warehouse.logins import AUDITOR_ROLE

    only = None if merchant is None else 0 if merchant == "0" else words.merchant_id(merchant)
    begin = None if since is None else datetime.combine(words.day(since), time(), UTC)
    with settings_in_force() as settings:
        required(settings, "users.manage", only or PLATFORM)
        with opened(settings, AUDITOR_ROLE) as warehouse, warehouse.everyone() as session:
            found = events(session, merchant_id=only, since=begin, most=most)
    if as_json:
        say_json({"events": [_as_json(row) for row in found]})
    elif found:
        say_table(audit_table(found))
    else:
        say("nothing is recorded")


@app.command("verify")
def verify(
    *,
    anchor: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What audit anchor wrote, from where it is kept.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute every chain and name the first entry of each that was changed; exit code 1 if there is one."""
    from mx_pipeline.operations.anchor_file import read_anchors

    found = _verified([] if anchor is None else read_anchors(anchor))
    if as_json:
        findings = [
            {"merchant_id": one.merchant_id, "entry": one.entry, "problem": one.problem}
            for one in found.findings
        ]
        say_json({"chains": len(found.ends), "entries": found.entries, "findings": findings})
    else:
        for finding in found.findings:
            say(str(finding))
        kept = "" if anchor else "; a rewritten end shows only against an anchor (--anchor FILE)"
        verdict = "NOT as they were written" if found.findings else "as they were written"
        say(f"{found.entries} entries in {len(found.ends)} chains are {verdict}{kept}")
    raise typer.Exit(ExitCode.FAILED if found.findings else ExitCode.SUCCESS)


@app.command("anchor")
def anchor_(
    *,
    to: Annotated[Path, typer.Option(metavar="FILE", help="Lines are added at its end.")],
    as_json: AsJson = False,
) -> None:
    """Write how far each chain goes to a file that is kept elsewhere; chains that do not verify are refused."""
    from mx_pipeline.operations.anchor_file import read_anchors, write_anchors

    earlier = read_anchors(to) if to.exists() else []
    found = _verified(earlier)
    if found.findings:
        raise WarehouseError(
            f"the audit log is not as it was written, so nothing was anchored: {found.findings[0]}; "
            "see mx-pipeline audit verify"
        )
    known = {(end.merchant_id, end.entry) for end in earlier}
    fresh = [end for end in found.ends if (end.merchant_id, end.entry) not in known]
    write_anchors(to, fresh)
    if as_json:
        say_json({"chains": len(found.ends), "written": len(fresh)})
    else:
        say(f"{len(fresh)} of {len(found.ends)} chains went on since; written to {to}")


def _verified(anchors: Sequence[ChainEnd]) -> Verified:
    from mx_pipeline.operations.at_work import PLATFORM, required
    from mx_pipeline.operations.context import opened, settings_in_force
    from mx_pipeline.warehouse import audit_chain
    from mx_pipeline.warehouse.logins import AUDITOR_ROLE

    with settings_in_force() as settings:
        required(settings, "users.manage", PLATFORM)
        with opened(settings, AUDITOR_ROLE) as warehouse, warehouse.everyone() as session:
            return audit_chain.verify(session, anchors)


def _as_json(row: Any) -> dict[str, object]:
    return {
        "merchant_id": row.merchant_id,
        "entry": row.entry,
        "at": row.at.isoformat(),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "detail": row.detail,
        "written_by": row.written_by,
    }
