"""`mx-pipeline quarantine`: what could not be taken in, and trying it again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx_pipeline.operations.at_work import AtWork
    from mx_pipeline.settings import Settings

app = typer.Typer(help="Records that could not be taken in: see them, try them again.", no_args_is_help=True)

MERCHANTS = typer.Argument(metavar="ID", help="Only these merchants; else all.", show_default=False)


@app.command("list")
def list_held(
    merchants: Annotated[list[str] | None, MERCHANTS] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show what is held, with the reason; never what the record said."""
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.tables import quarantine_table
    from mx_pipeline.warehouse.quarantine import held

    found: list[dict[str, object]] = []
    with settings_in_force() as settings, at_work(settings) as here:
        for merchant_id in _chosen(settings, here, merchants or (), "transactions.view:readonly"):
            with here.merchant(merchant_id) as tenant:
                found += [_as_json(merchant_id, row) for row in held(tenant)]
    if as_json:
        say_json({"quarantine": found})
    elif found:
        say_table(quarantine_table(found))
    else:
        say("nothing is in quarantine")


@app.command("replay")
def replay(
    merchants: Annotated[list[str] | None, MERCHANTS] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Try everything that is held again, now, with a sync of each merchant that holds something."""
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.following import followed
    from mx_pipeline.operations.sync_command import exit_code_of, print_runs
    from mx_pipeline.warehouse.quarantine import mark_for_replay, still_held
    from mx_pipeline.warehouse.requests import SyncRequest

    holding: list[int] = []
    left: list[Left] = []
    with settings_in_force() as settings, at_work(settings) as here:
        for merchant_id in _chosen(settings, here, merchants or (), "sync.manual", only_active=True):
            with here.merchant(merchant_id) as tenant:
                if mark_for_replay(tenant):
                    holding.append(merchant_id)
        request = SyncRequest(here.person.actor, "command")
        reports = followed(settings, holding, request, person=here.person.user_id) if holding else []
        for merchant_id in holding:
            with here.merchant(merchant_id) as tenant:
                left.append(Left(merchant_id, *still_held(tenant)))
    if as_json:
        runs = [report.as_json() for report in reports]
        say_json({"runs": runs, "still_held": [asdict(one) for one in left]})
    elif reports:
        print_runs(reports)
        for one in left:
            say(one.in_words)
    else:
        say("nothing is in quarantine")
    raise typer.Exit(exit_code_of([report.outcome for report in reports]))


@dataclass(frozen=True)
class Left:
    """What one merchant still holds after a replay."""

    merchant_id: int
    held: int
    without_id: int

    @property
    def in_words(self) -> str:
        """For a person; a record without an id cannot be asked for, and it must be said what ends it."""
        if not self.held:
            return f"merchant {self.merchant_id}: nothing is in quarantine any more"
        words = f"merchant {self.merchant_id}: {self.held} still in quarantine"
        if not self.without_id:
            return words
        return (
            f"{words}; {self.without_id} of them came without a readable id, so they cannot be asked for one by one: "
            f"a complete read that meets them no more lets them go, such as mx-pipeline sync {self.merchant_id} --full"
        )


def _as_json(merchant_id: int, row: Any) -> dict[str, object]:
    return {
        "merchant_id": merchant_id,
        "stream": row.stream,
        "mx_id": row.mx_id,
        "reason": row.reason,
        "keys": row.keys,
        "attempts": row.attempts,
        "first_seen_at": row.first_seen_at.isoformat(),
        "last_seen_at": row.last_seen_at.isoformat(),
    }


def _chosen(
    settings: Settings, here: AtWork, named: Sequence[str], permission: str, *, only_active: bool = False
) -> list[int]:
    from mx_pipeline import words
    from mx_pipeline.operations.at_work import only
    from mx_pipeline.operations.context import opened
    from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
    from mx_pipeline.warehouse.merchants import list_merchants, paused, unknown

    wanted = list(dict.fromkeys(words.merchant_id(text) for text in named))
    for merchant_id in wanted:
        here.require(permission, merchant_id)
    with opened(settings, DISPATCHER_ROLE) as warehouse, warehouse.everyone() as session:
        is_active = {merchant.merchant_id: merchant.is_active for merchant in list_merchants(session)}
    for merchant_id in wanted:
        if merchant_id not in is_active:
            raise unknown(merchant_id)
        if only_active and not is_active[merchant_id]:
            raise paused(merchant_id)
    known = [merchant_id for merchant_id, active in is_active.items() if active or not only_active]
    return wanted or only(known, here.merchants(permission))
