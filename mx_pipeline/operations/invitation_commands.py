"""`mx-pipeline users invite` and `accept`: a role for somebody who comes with the secret they were sent."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from mx_pipeline.errors import BadSettings
from mx_pipeline.operations.printing import say, say_json, tell
from mx_pipeline.operations.user_commands import AsJson, AtMerchant, Email, Role

VARIABLE = "MX_INVITATION"
DAYS = 7
LONGEST_DAYS = 30


def invite(
    email: Email,
    role: Role,
    *,
    merchant: AtMerchant,
    days: Annotated[int, typer.Option(min=1, max=LONGEST_DAYS, help="How long it is good.")] = DAYS,
    as_json: AsJson = False,
) -> None:
    """Invite somebody to a role that you may give, and print the invitation, this once; send it to them."""
    from mx_pipeline import words
    from mx_pipeline.operations import inviting
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force

    merchant_id = words.merchant_id(merchant)
    with settings_in_force() as settings, at_work(settings) as here:
        issued = inviting.invite(here, email, role, merchant_id, days=days)
    if as_json:
        say_json({"invitation": issued.text, "id": issued.id, "expires_at": issued.expires_at.isoformat()})
        return
    tell(
        f"Shown once. Good once, until {issued.expires_at:%Y-%m-%d}; accepted with mx-pipeline users accept, which "
        f"takes it from {VARIABLE} or asks for it"
    )
    say(issued.text)


def accept(*, as_json: AsJson = False) -> None:
    """Accept an invitation: it comes from MX_INVITATION, or is typed at a terminal; never from an argument."""
    from mx_pipeline.operations import inviting
    from mx_pipeline.operations.context import opened, settings_in_force
    from mx_pipeline.warehouse.logins import APP_ROLE

    text = os.environ.get(VARIABLE, "")
    if not text and sys.stdin.isatty():
        text = typer.prompt("Invitation", hide_input=True, err=True)
    if not text:
        raise BadSettings(
            f"{VARIABLE} is not set: the invitation comes from there, or is typed at a terminal"
        )
    with settings_in_force() as settings, opened(settings, APP_ROLE) as app_role:
        accepted = inviting.accept(app_role, text)
    if as_json:
        say_json({"accepted": {"merchant_id": accepted.merchant_id, "role": accepted.role}})
    else:
        say(
            f"you are {accepted.role} at merchant {accepted.merchant_id} now; sign in with your issuer's token, or "
            "ask the operator for one of this installation: mx-pipeline users token EMAIL"
        )
