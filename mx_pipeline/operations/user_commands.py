"""`mx-pipeline users …`: who is here, and what each may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mx_pipeline.access import PERMISSIONS, TENANT_ROLES
from mx_pipeline.operations.printing import say, say_json, say_table

if TYPE_CHECKING:
    from mx_pipeline.warehouse.people import User

app = typer.Typer(help="People: who they are, what they may do, and their tokens.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's address.", show_default=False)]
Role = Annotated[
    str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(TENANT_ROLES)}.", show_default=False)
]
AtMerchant = Annotated[
    str, typer.Option("--merchant", metavar="ID", help="At this merchant.", show_default=False)
]


@app.command("add")
def add(
    email: Email,
    *,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="How the person is called.")] = None,
    super_admin: Annotated[
        bool, typer.Option("--super-admin", help="May do everything at every merchant.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Register a person, who may do nothing yet."""
    from mx_pipeline.operations import people
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force

    with settings_in_force() as settings, at_work(settings) as here:
        user_id = people.add(here, email, name=name, is_super_admin=super_admin)
    if as_json:
        say_json({"user": {"id": user_id, "email": email.strip()}})
    else:
        say(
            f"{email.strip()} added; give a role with: mx-pipeline users grant {email.strip()} ROLE --merchant ID"
        )


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """Show the people whom you may see: all of them for super admins and the operator."""
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.people_tables import users_table
    from mx_pipeline.warehouse.people import list_users

    with settings_in_force() as settings, at_work(settings) as here, here.platform() as session:
        found = list_users(session)
    if as_json:
        say_json({"users": [_as_json(user) for user in found]})
    elif found:
        say_table(users_table(found))
    else:
        say("nobody is registered yet; add somebody with: mx-pipeline users add EMAIL")


@app.command("grant", epilog=f"Permissions: {', '.join(PERMISSIONS)}.")
def grant(
    email: Email,
    role: Role,
    *,
    merchant: AtMerchant,
    allow: Annotated[
        list[str] | None, typer.Option("--allow", metavar="PERMISSION", help="Besides the role; repeatable.")
    ] = None,
    deny: Annotated[
        list[str] | None,
        typer.Option("--deny", metavar="PERMISSION", help="Not, whatever the role says; repeatable."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="DAY", help="The first day without it, in the merchant's time zone.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a person a role at a merchant, in place of what they had there."""
    from mx_pipeline import words
    from mx_pipeline.operations import giving
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force

    wanted = giving.tenant_role(role)
    own = giving.overrides(allow or (), deny or ())
    merchant_id = words.merchant_id(merchant)
    last = None if until is None else words.day(until)
    with settings_in_force() as settings, at_work(settings) as here:
        said = giving.grant(here, email, wanted, merchant_id, own=own, until=last)
    if as_json:
        say_json({"granted": {"email": email, "merchant_id": merchant_id, "role": wanted, **own.as_json()}})
    else:
        say(said)


@app.command("revoke")
def revoke(email: Email, *, merchant: AtMerchant, as_json: AsJson = False) -> None:
    """Take away what a person was given at a merchant; their next request is denied."""
    from mx_pipeline import words
    from mx_pipeline.operations import giving
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force

    merchant_id = words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here:
        said = giving.revoke(here, email, merchant_id)
    if as_json:
        say_json({"revoked": {"email": email, "merchant_id": merchant_id}})
    else:
        say(said)


@app.command("permissions")
def permissions(
    email: Email,
    *,
    merchant: Annotated[
        str | None, typer.Option("--merchant", metavar="ID", help="Only at this merchant.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a person may do, where, and through what."""
    from mx_pipeline import words
    from mx_pipeline.operations import people
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.people_tables import permissions_table

    only = None if merchant is None else words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here:
        found = people.permissions(here, email, only)
    if as_json:
        say_json({"permissions": found})
    elif found:
        say_table(permissions_table(found))
    else:
        say(f"{email} may do nothing{'' if only is None else f' at merchant {only}'}")


@app.command("activate")
def activate(email: Email) -> None:
    """Let a person in again."""
    _set_active(email, is_active=True)


@app.command("deactivate")
def deactivate(email: Email) -> None:
    """Keep a person out, everywhere, whatever they were given; their next request is denied."""
    _set_active(email, is_active=False)


@app.command("migrate-owners")
def migrate_owners(*, as_json: AsJson = False) -> None:
    """Turn the owners named by configurations into rows of permissions; safe to repeat, and while syncs run."""
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.owners import migrate

    with settings_in_force() as settings, at_work(settings) as here:
        migrated = migrate(here, settings)
    if as_json:
        say_json({"migrated": migrated})
    else:
        say(f"{len(migrated)} owners became rows of permissions")


def _set_active(email: str, *, is_active: bool) -> None:
    from mx_pipeline.operations import people
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force

    with settings_in_force() as settings, at_work(settings) as here:
        say(people.set_active(here, email, is_active=is_active))


def _as_json(user: User) -> dict[str, object]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.display_name,
        "platform_role": user.platform_role,
        "is_active": user.is_active,
        "created_at": user.created_at.isoformat(),
    }
