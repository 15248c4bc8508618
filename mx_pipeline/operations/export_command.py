"""`mx-pipeline export`: a merchant's rows in a file that a spreadsheet or a notebook reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.printing import say, say_json


def export(
    merchant: Annotated[str, typer.Argument(metavar="ID", help="The merchant's number.", show_default=False)],
    *,
    what: Annotated[
        str, typer.Option(metavar="transactions|invoices|purchases", help="Which rows.", show_default=False)
    ],
    to: Annotated[
        Path, typer.Option(metavar="FILE.csv|FILE.parquet", help="The file to write.", show_default=False)
    ],
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="Only from this day of the merchant on: 2026-03-01.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Only before this day; it is not among them.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Write a merchant's transactions, invoices or purchases to a file, as far as you may see them.

    In a CSV file a text that a spreadsheet could take for a formula begins with an apostrophe; who made it, when,
    and of what stands in FILE.csv.json. A Parquet file holds every value as it is, and the same in its metadata.
    """
    import msgspec

    from mx_pipeline import words
    from mx_pipeline.operations import exporting
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.warehouse.exporting import WHATS, Range

    if what not in WHATS:
        raise BadInput(f"--what must be one of {', '.join(WHATS)}")
    days = Range(None if since is None else words.day(since), None if until is None else words.day(until))
    if days.since is not None and days.until is not None and days.since >= days.until:
        raise BadInput("--since must be before --until")
    order = exporting.Order(words.merchant_id(merchant), what, days, to, replaces=replace)
    with settings_in_force() as settings, at_work(settings) as here:
        made = exporting.export(here, order)
    if as_json:
        say_json({"export": msgspec.to_builtins(made)})
    else:
        names = "with names" if made.has_names else "without names"
        say(f"{made.rows:,} {made.what} of merchant {made.merchant_id}, {names}, are in {to}")
