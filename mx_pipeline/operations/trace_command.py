"""`mx-pipeline trace`: how one payment's row came to be as it is. No customer is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mx_pipeline.operations.printing import say, say_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx_pipeline.operations.at_work import AtWork
    from mx_pipeline.settings import Settings

SEES = "transactions.view:readonly"


def trace(
    payment: Annotated[
        str, typer.Argument(metavar="PAYMENT_ID", help="The payment's number in MX Merchant.")
    ],
    *,
    merchant: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Its merchant; needed where several have a payment of that number."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Tell when a payment was first seen and by which run, every change, how it was linked and categorised."""
    from mx_pipeline import words
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.trace_json import as_json_object
    from mx_pipeline.operations.trace_words import in_words
    from mx_pipeline.warehouse import tracing

    payment_id = words.payment_id(payment)
    named = None if merchant is None else words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here:
        merchant_id = _only_one(payment_id, named, _having(settings, here, payment_id, named))
        with here.merchant(merchant_id) as tenant:
            found = tracing.trace(tenant, payment_id)
    if as_json:
        say_json({"trace": as_json_object(found)})
        return
    for line in in_words(found):
        say(line)


def _having(settings: Settings, here: AtWork, payment_id: int, named: int | None) -> Sequence[int]:
    """The merchants, of all that the person sees or of the one named, that have such a payment."""
    from mx_pipeline.operations.at_work import only
    from mx_pipeline.operations.context import opened
    from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
    from mx_pipeline.warehouse.merchants import list_merchants, unknown
    from mx_pipeline.warehouse.tracing import merchants_having

    if named is not None:
        here.require(SEES, named)
    with opened(settings, DISPATCHER_ROLE) as dispatcher, dispatcher.everyone() as session:
        known = [merchant.merchant_id for merchant in list_merchants(session)]
    known = only(known, here.merchants(SEES))
    if named is not None and named not in known:
        raise unknown(named)
    with here.platform() as everyone:
        return merchants_having(everyone, known if named is None else [named], payment_id)


def _only_one(payment_id: int, named: int | None, having: Sequence[int]) -> int:
    from mx_pipeline.errors import BadInput, UnknownPayment

    if not having:
        where = "any merchant here" if named is None else f"merchant {named}"
        raise UnknownPayment(
            f"payment {payment_id} is not stored for {where}, nor in quarantine; "
            "if MX Merchant shows it, bring its merchant up to date with: mx-pipeline sync ID"
        )
    if len(having) > 1:
        raise BadInput(
            f"payment {payment_id} exists at several merchants ({', '.join(map(str, having))}); "
            "say which is meant with --merchant"
        )
    return having[0]
