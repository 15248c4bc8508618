"""`mx-pipeline users invite` and `accept`: a role for somebody who comes with the secret they were sent."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from mx_pipeline.access import NO_OVERRIDES
from mx_pipeline.errors import BadSettings, WarehouseError
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
    from mx_pipeline import settings as words
    from mx_pipeline.operations import giving
    from mx_pipeline.operations.at_work import at_work
    from mx_pipeline.operations.context import settings_in_force
    from mx_pipeline.operations.people import address
    from mx_pipeline.warehouse import tokens
    from mx_pipeline.warehouse.audit import record
    from mx_pipeline.warehouse.merchants import get_merchant

    merchant_id, wanted, email = words.merchant_id(merchant), giving.tenant_role(role), address(email)
    with settings_in_force() as settings, at_work(settings) as here:
        giver = here.require("users.invite", merchant_id)
        giving.refuse_unless_gives(
            here, merchant_id, giver, None, None, owns=False, role=wanted, own=NO_OVERRIDES
        )
        with here.merchant(merchant_id) as tenant:
            get_merchant(tenant)
            issued = tokens.invite(tenant, email, wanted, invited_by=here.person.granting_id, days=days)
            record(
                tenant,
                actor=here.person.actor,
                action="user.invited",
                subject=f"invitation {issued.id}",
                detail={"role": wanted, "expires_at": issued.expires_at.isoformat()},
            )
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
    from mx_pipeline.operations.context import opened, settings_in_force
    from mx_pipeline.warehouse import tokens
    from mx_pipeline.warehouse.audit import record
    from mx_pipeline.warehouse.logins import APP_ROLE

    text = os.environ.get(VARIABLE, "")
    if not text and sys.stdin.isatty():
        text = typer.prompt("Invitation", hide_input=True, err=True)
    if not text:
        raise BadSettings(
            f"{VARIABLE} is not set: the invitation comes from there, or is typed at a terminal"
        )
    with settings_in_force() as settings, opened(settings, APP_ROLE) as app_role:
        try:
            # Nobody yet: the invitation itself says who comes, and what whoever invited may give.
            with app_role.everyone() as session:
                accepted = tokens.accept(session, text.strip())
        except WarehouseError as error:
            if "does not hold" not in str(error):
                raise
            raise tokens.no_invitation() from None
        with app_role.merchant(accepted.merchant_id) as tenant:
            actor = f"user:{accepted.user_id}"
            detail = {"role": accepted.role, "from": "invitation"}
            record(tenant, actor=actor, action="permission.granted", subject=actor, detail=detail)
    if as_json:
        say_json({"accepted": {"merchant_id": accepted.merchant_id, "role": accepted.role}})
    else:
        say(
            f"you are {accepted.role} at merchant {accepted.merchant_id} now; sign in with your issuer's token, or "
            "ask the operator for one of this installation: mx-pipeline users token EMAIL"
        )
