"""`mx-pipeline users token …`: tokens of this installation, for the command line and the HTTP API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.printing import say, say_json, say_table, tell
from mx_pipeline.operations.user_commands import AsJson, Email

if TYPE_CHECKING:
    from datetime import datetime

DAYS = 90
LONGEST_DAYS = 366


def token(
    email: Email,
    *,
    days: Annotated[int, typer.Option(min=1, max=LONGEST_DAYS, help="How long it is good.")] = DAYS,
    as_json: AsJson = False,
) -> None:
    """Issue a token for a person and print it, this once; it goes into MX_TOKEN."""
    from mx_pipeline.operations.at_work import PLATFORM, at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.giving import get_user
    from mx_pipeline.warehouse.audit import record
    from mx_pipeline.warehouse.tokens import issue_token

    with settings_in_force() as settings, at_work(settings) as here:
        here.require("users.manage", PLATFORM)
        with here.platform() as session:
            user = get_user(session, email)
            issued = issue_token(session, user.id, issued_by=here.person.actor, days=days)
            record(
                session,
                actor=here.person.actor,
                action="token.issued",
                subject=f"user:{user.id}",
                detail={"token": issued.id, "expires_at": issued.expires_at.isoformat()},
            )
    if as_json:
        say_json({"token": issued.text, "id": issued.id, "expires_at": issued.expires_at.isoformat()})
        return
    tell(
        f"Shown once. Good until {issued.expires_at:%Y-%m-%d}; ends sooner with: users revoke-token {issued.id}"
    )
    say(issued.text)


def tokens(email: Email, *, as_json: AsJson = False) -> None:
    """Show which tokens a person has, never the tokens themselves; your own, or as a super admin anybody's."""
    from datetime import UTC, datetime

    from mx_pipeline.operations.at_work import PLATFORM, at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.giving import get_user
    from mx_pipeline.operations.people_tables import tokens_table
    from mx_pipeline.warehouse.tokens import tokens_of

    with settings_in_force() as settings, at_work(settings) as here:
        with here.platform() as session:
            user = get_user(session, email)
            rows = tokens_of(session, user.id)
        if user.id != here.person.user_id:
            here.require("users.manage", PLATFORM)
    found = [_as_json(row, now=datetime.now(UTC)) for row in rows]
    if as_json:
        say_json({"tokens": found})
    elif found:
        say_table(tokens_table(found))
    else:
        say(f"{email} has no token; issue one with: mx-pipeline users token {email}")


def revoke_token(
    token_id: Annotated[
        str, typer.Argument(metavar="ID", help="As users tokens shows it.", show_default=False)
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """End a token now: your own, or as a super admin anybody's."""
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.warehouse import tokens as kept
    from mx_pipeline.warehouse.audit import record

    try:
        wanted = str(UUID(token_id))
    except ValueError:
        raise BadInput("that is no token's id: see mx-pipeline users tokens EMAIL") from None
    with settings_in_force() as settings, at_work(settings) as here, here.platform() as session:
        whose = kept.revoke_token(session, wanted)
        if whose is None:
            raise BadInput(
                f"you have no token {wanted} that is still good: see mx-pipeline users tokens EMAIL"
            )
        record(
            session,
            actor=here.person.actor,
            action="token.revoked",
            subject=f"user:{whose}",
            detail={"token": wanted},
        )
    if as_json:
        say_json({"revoked": wanted})
    else:
        say(f"token {wanted} is revoked: the next request with it is denied")


def _as_json(row: Any, *, now: datetime) -> dict[str, object]:
    state = "revoked" if row.revoked_at else "expired" if row.expires_at <= now else "good"
    return {
        "id": str(row.id),
        "state": state,
        "issued_by": row.issued_by,
        "created_at": row.created_at.isoformat(),
        "expires_at": row.expires_at.isoformat(),
        "last_used_at": row.last_used_at.isoformat() if row.last_used_at else None,
    }
