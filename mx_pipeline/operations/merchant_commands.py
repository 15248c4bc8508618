"""`mx-pipeline merchants …`: the tenants and their keys. A key is never an argument: `ps` shows those to everyone."""

from __future__ import annotations

from typing import Annotated

import typer

from mx_pipeline.operations.printing import say, say_json, say_table

app = typer.Typer(
    help="Register merchants, pause and resume them, set what their syncs may cost, replace their API keys.",
    no_args_is_help=True,
)

MerchantId = Annotated[
    str, typer.Argument(metavar="ID", help="The merchant's number in MX Merchant, such as 1000000001.")
]
NoVerify = Annotated[
    bool, typer.Option("--no-verify", help="Do not ask MX Merchant first whether the key is good.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
KEYS_EPILOG = (
    "The key and its secret come from MX_CONSUMER_KEY and MX_CONSUMER_SECRET, "
    "or are asked for on the terminal."
)


@app.command("add", epilog=KEYS_EPILOG)
def add(
    merchant: MerchantId,
    *,
    name: Annotated[str, typer.Option(help="What people call the clinic.")],
    environment: Annotated[
        str, typer.Option(metavar="sandbox|production", help="Which of MX Merchant's two worlds it lives in.")
    ],
    timezone: Annotated[
        str, typer.Option(metavar="IANA", help="Where its days begin, such as America/Chicago.")
    ],
    no_verify: NoVerify = False,
    as_json: AsJson = False,
) -> None:
    """Register a merchant; its key is checked with MX Merchant before anything is written."""
    from mx_pipeline import words
    from mx_pipeline.operations import registering

    merchant_id = words.merchant_id(merchant)
    sentence = registering.add(
        merchant_id,
        name=registering.merchant_name(name),
        environment=words.mx_environment(environment),
        timezone=words.timezone(timezone),
        verifies=not no_verify,
    )
    _tell(merchant_id, sentence, as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[str, typer.Argument(metavar="FILE.csv", help="Or - for stdin.", show_default=False)],
    *,
    no_verify: NoVerify = False,
    as_json: AsJson = False,
) -> None:
    """Register many from a file: each row whole or not at all. Its first line names the columns."""
    from mx_pipeline.operations.border import ExitCode
    from mx_pipeline.operations.importing import RefusedRow, import_merchants
    from mx_pipeline.operations.printing import tell

    ended = list(import_merchants(file, verifies=not no_verify))
    refused = [one for one in ended if isinstance(one, RefusedRow)]
    added = len(ended) - len(refused)
    if as_json:
        rows = [{"line": one.line, "why": one.why} for one in refused]
        say_json({"added": added, "refused": rows})
    else:
        for one in refused:
            tell(f"line {one.line}: {one.why}")
        say(f"{added} merchants added, {len(refused)} rows refused")
    if refused:
        raise typer.Exit(ExitCode.PARTIAL if added else ExitCode.FAILED)


@app.command("list")
def list_(
    *,
    as_json: AsJson = False,
) -> None:
    """Show all merchants."""
    from mx_pipeline.operations import registering, tables

    merchants = registering.all_merchants()
    if as_json:
        say_json({"merchants": [registering.as_json(merchant) for merchant in merchants]})
    elif merchants:
        say_table(tables.merchants_table(merchants))
    else:
        say(tables.NO_MERCHANTS)


@app.command("pause")
def pause(merchant: MerchantId, *, as_json: AsJson = False) -> None:
    """Sync this merchant no more until it is resumed; its data stay."""
    from mx_pipeline import words
    from mx_pipeline.operations import registering

    merchant_id = words.merchant_id(merchant)
    _tell(merchant_id, registering.set_active(merchant_id, is_active=False), as_json=as_json)


@app.command("resume")
def resume(merchant: MerchantId, *, as_json: AsJson = False) -> None:
    """Sync a paused merchant again."""
    from mx_pipeline import words
    from mx_pipeline.operations import registering

    merchant_id = words.merchant_id(merchant)
    _tell(merchant_id, registering.set_active(merchant_id, is_active=True), as_json=as_json)


@app.command("set")
def set_(
    merchant: MerchantId,
    *,
    calls_in_flight: Annotated[
        int | None, typer.Option(metavar="N", help="The most calls at once; the budget grows up to it.")
    ] = None,
    calls_per_second: Annotated[
        str | None, typer.Option(metavar="N|none", help="The most calls that begin in a second.")
    ] = None,
    delay: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="The least time between the beginnings of two calls."),
    ] = None,
    quota: Annotated[
        str | None, typer.Option(metavar="N|none", help="The most calls in one of the merchant's own days.")
    ] = None,
    interval: Annotated[
        str | None,
        typer.Option(
            metavar="MINUTES|none", help="How often the schedule syncs it; none: as the schedule itself says."
        ),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="IANA", help="Where its days begin, such as America/Chicago.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change when this merchant is synced and what that may cost; without an option it only shows what is in force."""
    from mx_pipeline import words
    from mx_pipeline.operations import limiting

    merchant_id = words.merchant_id(merchant)
    sentence = limiting.set_limits(
        merchant_id,
        calls_in_flight=calls_in_flight,
        calls_per_second=calls_per_second,
        delay=delay,
        quota=quota,
        interval=interval,
        timezone=None if timezone is None else words.timezone(timezone),
    )
    _tell(merchant_id, sentence, as_json=as_json)


@app.command("set-key", epilog=KEYS_EPILOG)
def set_key(merchant: MerchantId, *, no_verify: NoVerify = False, as_json: AsJson = False) -> None:
    """Replace the merchant's API key; one whose key was refused is synced again."""
    from mx_pipeline import words
    from mx_pipeline.operations import registering

    merchant_id = words.merchant_id(merchant)
    _tell(merchant_id, registering.set_key(merchant_id, verifies=not no_verify), as_json=as_json)


@app.command("remove")
def remove(
    merchant: MerchantId,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the merchant's name first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Erase a merchant for good: its syncs stop, its rows and its API key go; prints a certificate of it."""
    from mx_pipeline import words
    from mx_pipeline.operations import removing

    removing.remove(words.merchant_id(merchant), is_sure=yes, as_json=as_json)


def _tell(merchant_id: int, sentence: str, *, as_json: bool) -> None:
    """What was done; as JSON the merchant as it stands now."""
    from mx_pipeline.operations import registering

    if as_json:
        say_json({"merchant": registering.merchant_with_limits(merchant_id), "message": sentence})
    else:
        say(sentence)
