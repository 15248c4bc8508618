"""`mx-pipeline users sql-login …`: people who read the warehouse with SQL, by a login of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx_pipeline.operations.at_work import AtWork

app = typer.Typer(
    help="Logins of people who read with SQL, each their merchants alone.", no_args_is_help=True
)

MANAGING = "users.manage"
NAMES = "names.view"
Name = Annotated[str, typer.Argument(metavar="NAME", help="The login in Postgres.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@app.command("add")
def add(
    name: Name,
    *,
    merchant: Annotated[
        list[str],
        typer.Option("--merchant", metavar="ID", help="May be read; repeatable.", show_default=False),
    ],
    investor: Annotated[
        bool, typer.Option("--investor", help="Reads the investor_ views alone: sums, and no row.")
    ] = False,
    names: Annotated[bool, typer.Option("--names", help="Sees customers' names as well.")] = False,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="The first day without it, such as 2026-12-31.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody read merchants with SQL. A new login's password is shown once, and is nowhere kept."""
    from mx_pipeline import words
    from mx_pipeline.errors import BadInput
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.warehouse import sql_logins
    from mx_pipeline.warehouse.logins import logins_of

    if investor and names:
        raise BadInput("an investor sees no name: give --investor or --names")
    access = sql_logins.SqlAccess(
        kind="investor" if investor else "analyst",
        sees_names=names,
        until=None if until is None else words.day(until),
    )
    merchants = [words.merchant_id(text) for text in merchant]
    with settings_in_force() as settings, at_work(settings) as here:
        _require(here, merchants, *([NAMES] if names and not here.person.is_operator else []))
        password = sql_logins.add(logins_of(settings), name, access, merchants, granted_by=here.person.actor)
    if as_json:
        say_json({"login": {"name": name, "password": password, "kind": access.kind, "merchants": merchants}})
        return
    say(f"{name} reads {', '.join(map(str, merchants))} as {access.kind}")
    if password is not None:
        say(f"password, shown this once: {password}")


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """Show who reads which merchant with SQL."""
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.tables import sql_logins_table
    from mx_pipeline.warehouse import sql_logins
    from mx_pipeline.warehouse.logins import logins_of

    with settings_in_force() as settings, at_work(settings) as here:
        managed = here.merchants(MANAGING)
        rows = [
            row
            for row in sql_logins.listed(logins_of(settings))
            if managed is None or row.merchant_id in managed
        ]
    if as_json:
        say_json({"logins": [_as_json(row) for row in rows]})
    elif rows:
        say_table(sql_logins_table(rows))
    else:
        say("nobody reads with SQL; let somebody with: mx-pipeline users sql-login add NAME --merchant ID")


@app.command("remove")
def remove(
    name: Name,
    *,
    merchant: Annotated[
        list[str] | None,
        typer.Option("--merchant", metavar="ID", help="Only these; else all, and the login."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take merchants from a login, or all of them and the login; a session that is open reads nothing more."""
    from mx_pipeline import words
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.warehouse import sql_logins
    from mx_pipeline.warehouse.logins import logins_of

    named = [words.merchant_id(text) for text in merchant or ()]
    with settings_in_force() as settings, at_work(settings) as here:
        logins = logins_of(settings)
        held = [row.merchant_id for row in sql_logins.listed(logins) if row.login == name]
        _require(here, named or held)
        taken = sql_logins.remove(logins, name, named, revoked_by=here.person.actor)
    if as_json:
        say_json({"login": {"name": name, "taken": taken}})
    else:
        say(f"{name} reads {', '.join(map(str, taken)) or 'nothing'} no more")


def _require(here: AtWork, merchants: Sequence[int], *more: str) -> None:
    """Nobody gives what they do not have; the operator gives names without seeing them."""
    for merchant_id in merchants:
        for permission in (MANAGING, *more):
            here.require(permission, merchant_id)


def _as_json(row: Any) -> dict[str, object]:
    return {
        "name": row.login,
        "merchant_id": row.merchant_id,
        "kind": row.kind,
        "sees_names": row.sees_names,
        "granted_by": row.granted_by,
        "granted_at": row.granted_at.isoformat(),
        "expires_at": None if row.expires_at is None else row.expires_at.isoformat(),
        "is_active": row.is_active,
    }
