"""`mx-pipeline keys …`: which sealing key seals what, and replacing it while syncs run. No key is ever shown."""

from __future__ import annotations

from typing import Annotated

import typer

from mx_pipeline.errors import BadSettings
from mx_pipeline.operations.border import ExitCode
from mx_pipeline.operations.printing import say, say_json

app = typer.Typer(help="The key that seals the merchants' API keys.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
MOST_NAMED = 20


@app.command("show")
def show(*, as_json: AsJson = False) -> None:
    """Show by its id which sealing key seals how many merchants."""
    from mx_pipeline.operations.at_work import PLATFORM, required
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.warehouse.logins import logins_of
    from mx_pipeline.warehouse.rotation import sealed_with

    with settings_in_force() as settings:
        required(settings, "config.update", PLATFORM)
        current, previous = settings.key(), settings.previous_sealing_key
        seals = sealed_with(logins_of(settings))
    places = {current.key_id: "MX_SEALING_KEY"}
    if previous is not None:
        places.setdefault(previous.key_id, "MX_SEALING_KEY_PREVIOUS")
    keys = [
        {"key_id": key_id, "merchants": seals.get(key_id, 0), "known_as": places.get(key_id)}
        for key_id in sorted({*places, *seals})
    ]
    if as_json:
        say_json({"keys": keys})
        return
    for key in keys:
        say(f"{key['key_id']}: {key['merchants']} merchants; {key['known_as'] or 'not here'}")


@app.command("rotate")
def rotate(
    *,
    now: Annotated[
        bool, typer.Option("--now", help="Even if running processes that know only the old key break.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Seal every API key with MX_SEALING_KEY, opening what MX_SEALING_KEY_PREVIOUS sealed; the logins follow."""
    from mx_pipeline.operations.at_work import PLATFORM, required
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.warehouse import rotation
    from mx_pipeline.warehouse.administering import as_owner, set_passwords
    from mx_pipeline.warehouse.audit import record
    from mx_pipeline.warehouse.logins import logins_of

    with settings_in_force() as settings:
        person = required(settings, "config.update", PLATFORM)
        logins, sealer = logins_of(settings), settings.sealer()
        left_behind = rotation.connections_without(logins)
        if left_behind and not now:
            raise BadSettings(
                f"{left_behind} open connections belong to processes that do not know the current key, so they "
                "would be locked out; restart them with MX_SEALING_KEY and MX_SEALING_KEY_PREVIOUS set, then run "
                "keys rotate again, or --now"
            )
        done = rotation.reseal(logins, sealer)
        set_passwords(logins)
        with as_owner(logins) as session:
            detail = {
                "from": list(done.from_keys),
                "to": sealer.current.key_id,
                "merchants": done.merchants,
                "unopened": len(done.unopened),
            }
            record(session, actor=person.actor, action="keys.rotated", detail=detail)
    if as_json:
        say_json({"key_id": sealer.current.key_id, "resealed": done.merchants, "unopened": [*done.unopened]})
    else:
        say(f"{done.merchants} merchants resealed; key {sealer.current.key_id} seals what can be opened")
        if done.unopened:
            named = ", ".join(map(str, done.unopened[:MOST_NAMED]))
            say(f"{len(done.unopened)} do not open with the keys given here: {named}; see merchants set-key")
    raise typer.Exit(ExitCode.PARTIAL if done.unopened else ExitCode.SUCCESS)
