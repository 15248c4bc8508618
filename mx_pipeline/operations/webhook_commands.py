"""`mx-pipeline webhooks`: has MX ring when something happened, and shows what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from mx_pipeline.operations.webhooking import Standing
    from mx_pipeline.sync.subscribing import Subscribed

app = typer.Typer(
    help="MX rings when a payment was made, refused, returned or charged back; what it names is fetched at once.",
    no_args_is_help=True,
)
MerchantId = Annotated[str, typer.Argument(metavar="ID", help="The merchant.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


@app.command("enable")
def enable(merchant: MerchantId, *, as_json: AsJson = False) -> None:
    """Subscribe at MX, one event a call; safe to repeat. Needs MX_PUBLIC_URL."""
    from mx_pipeline import words
    from mx_pipeline.operations import webhooking

    merchant_id = words.merchant_id(merchant)
    _tell(merchant_id, webhooking.enable(merchant_id), as_json=as_json)


@app.command("verify")
def verify(merchant: MerchantId, *, as_json: AsJson = False) -> None:
    """Ask MX what it rings for, and show how much was first seen that way; exit 1 where some is missing."""
    from mx_pipeline import words
    from mx_pipeline.operations import webhooking
    from mx_pipeline.operations.border import ExitCode
    from mx_pipeline.operations.tables import meter_table

    merchant_id = words.merchant_id(merchant)
    standing = webhooking.verify(merchant_id)
    if as_json:
        say_json(_standing_as_json(merchant_id, standing))
    else:
        say(_sentence(merchant_id, standing.subscribed))
        say(
            f"{standing.keys} keys are good; {standing.waiting} notifications wait, {standing.rejected} named what is "
            f"not this merchant's; {standing.strangers} came today with a key that nobody has"
        )
        say_table(meter_table(standing.meter))
    if standing.subscribed.missing:
        raise typer.Exit(ExitCode.FAILED)


@app.command("repair")
def repair(merchant: MerchantId, *, as_json: AsJson = False) -> None:
    """Subscribe again for what is missing, and end what rings with a key that is good no more."""
    from mx_pipeline import words
    from mx_pipeline.operations import webhooking

    merchant_id = words.merchant_id(merchant)
    _tell(merchant_id, webhooking.repair(merchant_id, anew=False), as_json=as_json)


@app.command("rotate")
def rotate(merchant: MerchantId, *, as_json: AsJson = False) -> None:
    """Subscribe anew with another key; the last one stays good beside it until the next rotation."""
    from mx_pipeline import words
    from mx_pipeline.operations import webhooking

    merchant_id = words.merchant_id(merchant)
    _tell(merchant_id, webhooking.repair(merchant_id, anew=True), as_json=as_json)


@app.command("disable")
def disable(merchant: MerchantId, *, as_json: AsJson = False) -> None:
    """End the subscriptions; no key is good any more. Syncs go on by the clock."""
    from mx_pipeline import words
    from mx_pipeline.operations import webhooking

    merchant_id = words.merchant_id(merchant)
    webhooking.disable(merchant_id)
    if as_json:
        say_json({"merchant_id": merchant_id, "events": []})
    else:
        say(f"MX rings no more for merchant {merchant_id}")


@app.command("key")
def key(
    merchant: MerchantId,
    *,
    only: Annotated[bool, typer.Option("--only", help="No other key is good any more.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print an address with a new key, this once, to be entered at MX by hand; two keys are good at once."""
    from mx_pipeline import words
    from mx_pipeline.operations import webhooking

    merchant_id = words.merchant_id(merchant)
    address = webhooking.new_address(merchant_id, only=only)
    if as_json:
        say_json({"merchant_id": merchant_id, "address": address})
    else:
        say(address)


def _tell(merchant_id: int, subscribed: Subscribed, *, as_json: bool) -> None:
    if as_json:
        say_json(_as_json(merchant_id, subscribed))
    else:
        say(_sentence(merchant_id, subscribed))


def _sentence(merchant_id: int, subscribed: Subscribed) -> str:
    told = ", ".join(subscribed.events) or "nothing"
    missing = f"; not for {', '.join(subscribed.missing)}" if subscribed.missing else ""
    mend = f"; mend it with: mx-pipeline webhooks repair {merchant_id}" if missing or subscribed.stale else ""
    stale = f"; {subscribed.stale} ring with a key that is good no more" if subscribed.stale else ""
    return f"MX rings for merchant {merchant_id}: {told}{missing}{stale}{mend}"


def _as_json(merchant_id: int, subscribed: Subscribed) -> dict[str, object]:
    return {
        "merchant_id": merchant_id,
        "events": list(subscribed.events),
        "missing": subscribed.missing,
        "stale": subscribed.stale,
        "others": subscribed.others,
    }


def _standing_as_json(merchant_id: int, standing: Standing) -> dict[str, object]:
    from mx_pipeline.operations.webhooking import meter_as_json

    return {
        **_as_json(merchant_id, standing.subscribed),
        "keys": standing.keys,
        "waiting": standing.waiting,
        "rejected": standing.rejected,
        "strangers_today": standing.strangers,
        "first_seen": meter_as_json(standing.meter),
    }
