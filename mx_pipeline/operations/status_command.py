"""`mx-pipeline status`: how fresh each merchant is and what its last sync proved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mx_pipeline.operations.border import ExitCode
from mx_pipeline.operations.printing import say, say_json, say_table, tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mx_pipeline.operations.at_work import AtWork
    from mx_pipeline.settings import Settings
    from mx_pipeline.warehouse.webhook_inbox import MeterDay

SEES = ("transactions.view:readonly", "invoices.view:readonly")
"""Either shows how a merchant stands."""
NOBODY_ANSWERS = (
    "waiting too long, and nobody answers: start mx-pipeline worker, or more of them where all are busy, or Dagster's "
    "daemon with its sensor sync_requests"
)


def status(
    merchant: Annotated[
        str | None, typer.Argument(metavar="ID", help="Only this merchant.", show_default=False)
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show freshness, last outcome, open set, quarantine and waiting requests; of one merchant its certificates too."""
    from datetime import UTC, datetime

    from mx_pipeline import words
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import opened, settings_in_force
    from mx_pipeline.operations.status_json import merchant_as_json
    from mx_pipeline.operations.tables import NO_MERCHANTS, status_table
    from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
    from mx_pipeline.warehouse.merchants import merchant_states, unknown

    only = None if merchant is None else words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here:
        allowed = here.merchants(*SEES)
        if only is not None and allowed is not None and only not in allowed:
            here.require(SEES[0], only)
        with opened(settings, DISPATCHER_ROLE) as dispatcher, dispatcher.everyone() as session:
            rows = [
                row for row in merchant_states(session, only) if allowed is None or row.merchant_id in allowed
            ]
        if only is not None and not rows:
            raise unknown(only)
        certificates = None if only is None else _certificates(here, only)
        first_seen = [] if only is None else _first_seen(here, only)
        checks = {} if only is None else _checks(settings, only)
        cards = [] if only is None else _cards(here, only)
    if as_json:
        proof = (
            {}
            if certificates is None
            else {"certificates": certificates, "checks": checks, "anomalies": cards, **_as_json(first_seen)}
        )
        say_json({"merchants": [{**merchant_as_json(row), **proof} for row in rows]})
    elif rows:
        say_table(status_table(rows, now=datetime.now(UTC)))
        if certificates is not None:
            _say_more(rows[0], certificates)
            _say_checks(checks)
            _say_cards(cards)
            _say_first_seen(first_seen)
    else:
        say(NO_MERCHANTS)
    unanswered = sum(row.unanswered for row in rows)
    if unanswered:
        tell(f"{unanswered} {NOBODY_ANSWERS}")
        raise typer.Exit(ExitCode.FAILED)


def _certificates(here: AtWork, merchant_id: int) -> list[dict[str, object]]:
    from mx_pipeline.operations.status_json import certificate_as_json
    from mx_pipeline.warehouse.checks import latest_certificates

    with here.merchant(merchant_id) as tenant:
        return [certificate_as_json(row) for row in latest_certificates(tenant)]


def _first_seen(here: AtWork, merchant_id: int) -> list[MeterDay]:
    from mx_pipeline.operations.webhooking import meter_of

    with here.merchant(merchant_id) as tenant:
        return meter_of(tenant)


def _checks(settings: Settings, merchant_id: int) -> dict[str, dict[str, object]]:
    """Looked at as who brought the data in: a person who may not see invoices would find each of them missing."""
    from mx_pipeline.operations.context import opened
    from mx_pipeline.operations.status_json import check_as_json
    from mx_pipeline.warehouse.checks import LOOKS
    from mx_pipeline.warehouse.logins import LOADER_ROLE

    with opened(settings, LOADER_ROLE) as loader, loader.merchant(merchant_id) as tenant:
        return {name: check_as_json(look(tenant)) for name, look in LOOKS.items()}


def _say_checks(checks: Mapping[str, Mapping[str, object]]) -> None:
    from mx_pipeline.operations.tables import checks_table

    say("")
    say_table(checks_table(checks))


def _cards(here: AtWork, merchant_id: int) -> list[dict[str, object]]:
    """As whoever asks: without the right to see payments there is none that could be unusual."""
    from datetime import UTC, datetime

    from mx_pipeline.warehouse.daily import recent_cards

    with here.merchant(merchant_id) as tenant:
        return [card.as_json() for card in recent_cards(tenant, now=datetime.now(UTC))]


def _say_cards(cards: Sequence[Mapping[str, object]]) -> None:
    if cards:
        say("")
        for card in cards:
            say(f"{card['severity']}, since {card['since']}: {card['words']}")


def _as_json(first_seen: list[MeterDay]) -> dict[str, object]:
    from mx_pipeline.operations.webhooking import meter_as_json

    return {"first_seen": meter_as_json(first_seen)}


def _say_first_seen(first_seen: list[MeterDay]) -> None:
    by_webhook = sum(one.by_webhook for one in first_seen)
    by_polling = sum(one.by_polling for one in first_seen)
    if by_webhook or by_polling:
        say("")
        say(f"payments of the last 7 days: {by_webhook} first seen by webhook, {by_polling} by polling")


def _say_more(row: Any, certificates: Sequence[Mapping[str, object]]) -> None:
    from mx_pipeline.operations.tables import certificates_table, open_set_of

    if row.open_each_sync is not None:
        say("")
        tiers = open_set_of(row)
        say(
            f"payments that may still change: {tiers['each_sync']} are read again by each sync, "
            f"{tiers['daily']} once a day, {tiers['weekly']} once a week"
        )
    if certificates:
        say("")
        say_table(certificates_table(certificates))
        for one in certificates:
            if one["note"]:
                say(f"{one['stream']}: {one['note']}")
