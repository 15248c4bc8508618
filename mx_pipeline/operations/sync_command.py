"""`mx-pipeline sync`: asks for syncs as the application, and follows them to the end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mx_pipeline.errors import BadInput, UnknownMerchant
from mx_pipeline.operations.border import ExitCode
from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx_pipeline.operations.at_work import AtWork
    from mx_pipeline.settings import Settings
    from mx_pipeline.sync.orders import Outcome, SyncReport
    from mx_pipeline.warehouse.requests import SyncRequest

NO_REASON = "none given by the operator of this machine"


def sync(
    merchants: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="The merchants to sync.", show_default=False)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Sync every active merchant.")] = False,
    latest: Annotated[
        int | None,
        typer.Option(metavar="N", help="Only the newest N payments: 1 to 100, or to 1000 with --emergency."),
    ] = None,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Allow --latest up to 1000; say why with --reason.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DAY", help="Only payments from this day on, in the merchant's time zone: 2026-03-01."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="Only payments before this day; it is not among them.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; it is kept with the request.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything again, not only what may have changed.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only read and compare the newest N payments: what would change, at which cost."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Only ask; Dagster launches it. Prints the request's number.")
    ] = False,
) -> None:
    """Bring merchants up to date now: their payments, invoices, links and products, with a proof."""
    from mx_pipeline import words
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force

    request = _request(
        latest=latest,
        emergency=emergency,
        reason=reason,
        since=since,
        until=until,
        full=full,
        dry_run=dry_run,
    )
    named = list(dict.fromkeys(words.merchant_id(text) for text in merchants or ()))
    if bool(named) == every:
        raise BadInput("say which merchants to sync: either their numbers or --all")
    with settings_in_force() as settings, at_work(settings) as here:
        request = _asked_by(here, request, reason)
        chosen = _chosen(settings, here, named, request)
        if detach:
            _ask_only(here, chosen, request, as_json=as_json)
            return
        reports = _followed(settings, here, chosen, request)
    if as_json:
        say_json({"runs": [report.as_json() for report in reports]})
    else:
        print_runs(reports)
    raise typer.Exit(exit_code_of([report.outcome for report in reports]))


def exit_code_of(outcomes: Sequence[Outcome]) -> ExitCode:
    """The worst outcome decides."""
    if any(outcome not in ("success", "partial") for outcome in outcomes):
        return ExitCode.FAILED
    return ExitCode.PARTIAL if "partial" in outcomes else ExitCode.SUCCESS


def _request(
    *,
    latest: int | None,
    emergency: bool,
    reason: str | None,
    since: str | None,
    until: str | None,
    full: bool,
    dry_run: bool,
) -> SyncRequest:
    from mx_pipeline.operations.context import operator
    from mx_pipeline.warehouse.requests import SyncRequest
    from mx_pipeline.words import day

    is_range = since is not None or until is not None
    if (latest is not None) + full + is_range > 1:
        raise BadInput("--latest, --full and --since/--until exclude each other: give one of them")
    if emergency and latest is None:
        raise BadInput("--emergency only raises the limit of --latest: give --latest too")
    if reason is not None and "\0" in reason:
        raise BadInput("the reason must be plain text")
    request = SyncRequest(
        asked_by=operator(),
        asked_through="command",
        mode="full" if full else "range" if is_range else "incremental" if latest is None else "latest",
        latest=latest,
        since=None if since is None else day(since),
        until=None if until is None else day(until),
        emergency=emergency,
        reason=reason or (NO_REASON if emergency else None),
        dry_run=dry_run,
    )
    request.check()
    return request


def _asked_by(here: AtWork, request: SyncRequest, reason: str | None) -> SyncRequest:
    """Only the operator may leave out why: nobody else answers for the whole machine."""
    if request.emergency and not reason and not here.person.is_operator:
        raise BadInput("an emergency sync needs a reason in words; it goes to the record: give --reason")
    return replace(request, asked_by=here.person.actor)


def _chosen(settings: Settings, here: AtWork, named: Sequence[int], request: SyncRequest) -> list[int]:
    """The merchants to sync, all of them allowed, known and active: what is wrong is said before any runs."""
    from mx_pipeline.operations.at_work import only
    from mx_pipeline.operations.context import opened
    from mx_pipeline.warehouse.asking import record_refusal
    from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
    from mx_pipeline.warehouse.merchants import list_merchants, paused, unknown

    permissions = ("sync.emergency", "sync.manual") if request.emergency else ("sync.manual",)
    for permission in permissions:
        for merchant_id in named:
            here.require(permission, merchant_id)
    with opened(settings, DISPATCHER_ROLE) as warehouse, warehouse.everyone() as session:
        known = {merchant.merchant_id: merchant for merchant in list_merchants(session)}
    if not named:
        active = [merchant.merchant_id for merchant in known.values() if merchant.is_active]
        for permission in permissions:
            active = only(active, here.merchants(permission))
        if not active:
            raise UnknownMerchant(
                "there is no active merchant that you may sync; add one with mx-pipeline merchants add, or resume one"
            )
        return active
    for merchant_id in named:
        if merchant_id in known and known[merchant_id].is_active:
            continue
        refusal = paused(merchant_id) if merchant_id in known else unknown(merchant_id)
        record_refusal(here.app, merchant_id, request, refusal)
        raise refusal
    return list(named)


def _ask_only(here: AtWork, merchants: Sequence[int], request: SyncRequest, *, as_json: bool) -> None:
    from mx_pipeline.warehouse.asking import ask_on_record

    asked: list[dict[str, object]] = []
    for merchant_id in merchants:
        request_id = ask_on_record(here.app, merchant_id, request, person=here.person.user_id)
        asked.append({"merchant_id": merchant_id, "request_id": request_id})
    if as_json:
        say_json({"requests": asked})
        return
    for one in asked:
        say(f"merchant {one['merchant_id']}: request {one['request_id']} waits to be launched")


def _followed(
    settings: Settings, here: AtWork, merchants: Sequence[int], request: SyncRequest
) -> list[SyncReport]:
    from mx_pipeline.operations.following import followed

    return followed(settings, merchants, request, person=here.person.user_id)


def print_runs(reports: Sequence[SyncReport]) -> None:
    """For a person: a table, and what each run has to say."""
    from mx_pipeline.operations.tables import dry_run_table, sync_table

    say_table(dry_run_table(reports) if any(report.is_dry for report in reports) else sync_table(reports))
    for report in reports:
        if report.message:
            say(f"merchant {report.merchant_id}: {report.message}")
