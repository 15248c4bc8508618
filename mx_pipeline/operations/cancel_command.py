"""`mx-pipeline cancel`: nobody waits for a sync any more; what it has committed stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.printing import say, say_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mx_pipeline.operations.at_work import AtWork
    from mx_pipeline.settings import Settings
    from mx_pipeline.warehouse.cancelling import Cancelled

IN_WORDS: Mapping[Cancelled, str] = {
    "cancelled": "cancelled; it had not begun",
    "stopping": "stops with the page that is being written; what is committed stays",
    "goes on for others": "goes on for those who joined it; end it for them, too, with --for-all",
    "already done": "was done already",
}


def cancel(
    what: Annotated[
        str,
        typer.Argument(
            metavar="REQUEST|MERCHANT",
            help="A request's number, or a merchant's for all that is asked of it.",
        ),
    ],
    *,
    for_all: Annotated[
        bool, typer.Option("--for-all", help="End a request also for those who joined it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Cancel a sync: one that waits ends at once, one that runs within a page."""
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.words import request_or_merchant

    number = request_or_merchant(what)
    with settings_in_force() as settings, at_work(settings) as here:
        merchant, request = _meant(settings, number)
        here.require("sync.manual", merchant)
        done = _cancelled(here, merchant, request, for_all=for_all)
    if as_json:
        say_json(
            {
                "requests": [
                    {"merchant_id": merchant, "request_id": one, "outcome": outcome.replace(" ", "_")}
                    for one, outcome in done.items()
                ]
            }
        )
        return
    for one, outcome in done.items():
        say(f"merchant {merchant}: request {one} {IN_WORDS[outcome]}")
    if not done:
        say(f"merchant {merchant}: nothing is asked of it")


def _meant(settings: Settings, number: int) -> tuple[int, int | None]:
    """The merchant, and the request where that was named; a merchant's number goes first."""
    from mx_pipeline.operations.context import opened
    from mx_pipeline.warehouse.dispatching import merchants_of_request
    from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
    from mx_pipeline.warehouse.merchants import list_merchants

    with opened(settings, DISPATCHER_ROLE) as warehouse, warehouse.everyone() as session:
        if any(merchant.merchant_id == number for merchant in list_merchants(session)):
            return number, None
        found = merchants_of_request(session, number)
    if len(found) != 1:
        raise BadInput(
            f"there is no request and no merchant {number}; see what waits with: mx-pipeline status"
        )
    return found[0], number


def _cancelled(here: AtWork, merchant: int, request: int | None, *, for_all: bool) -> Mapping[int, Cancelled]:
    from mx_pipeline.warehouse.cancelling import cancel as cancel_one
    from mx_pipeline.warehouse.cancelling import cancel_all

    with here.merchant(merchant) as tenant:
        if request is None:
            return cancel_all(tenant, by=here.person.actor)
        outcome = cancel_one(tenant, request, by=here.person.actor, although_joined=for_all)
    return {request: outcome}
