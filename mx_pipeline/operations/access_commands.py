"""`mx-pipeline access …`: who can see what, who did, and which check rules."""

from __future__ import annotations

from typing import Annotated

import typer

from mx_pipeline.operations.printing import say, say_json, say_table
from mx_pipeline.operations.user_commands import AsJson, AtMerchant, Email

app = typer.Typer(help="Who can see what, who did, and which check rules.", no_args_is_help=True)

DAYS = 90


@app.command("review")
def review(
    *,
    merchant: Annotated[
        str | None,
        typer.Option("--merchant", metavar="ID", help="Only this merchant; else all you manage people of."),
    ] = None,
    days: Annotated[
        int, typer.Option(min=1, max=3660, help="What was done in the last so many days.")
    ] = DAYS,
    as_json: AsJson = False,
) -> None:
    """Show who can see what at each merchant, through what, and what they did, as the audit log has it."""
    from mx_pipeline import words
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.people_tables import review_table
    from mx_pipeline.operations.reviewing import reviewed

    only = None if merchant is None else words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here:
        found = reviewed(here, settings, only, days=days)
    if as_json:
        say_json({"review": found})
    elif found:
        say_table(review_table(found))
    else:
        say("nobody but the operator of this machine may do anything yet")


@app.command("check")
def check(
    merchant: Annotated[str, typer.Argument(metavar="ID", help="The merchant.", show_default=False)],
    rules: Annotated[
        str, typer.Argument(metavar="CHECK", help="owner, both or permissions.", show_default=False)
    ],
) -> None:
    """Say which check rules at a merchant: owner (of old), both (the same, differences recorded), permissions."""
    from mx_pipeline import words
    from mx_pipeline.operations import owners
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force

    merchant_id, wanted = words.merchant_id(merchant), owners.access_check(rules)
    with settings_in_force() as settings, at_work(settings) as here:
        say(owners.set_access_check(here, merchant_id, wanted))


@app.command("owner")
def owner(email: Email, *, merchant: AtMerchant) -> None:
    """Name the owner in a merchant's configuration."""
    from mx_pipeline import words
    from mx_pipeline.operations import owners
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force

    merchant_id = words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here:
        say(owners.set_owner(here, email, merchant_id))
