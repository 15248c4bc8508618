"""Invites people to a merchant, and lets them in: on the command line, over HTTP and on the pages alike."""

from __future__ import annotations

from mx_pipeline.access import NO_OVERRIDES
from mx_pipeline.errors import WarehouseError
from mx_pipeline.operations import giving
from mx_pipeline.operations.at_work import AtWork
from mx_pipeline.operations.people import address
from mx_pipeline.warehouse import tokens
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.merchants import get_merchant

DAYS = 7
LONGEST_DAYS = 30


def invite(here: AtWork, email: str, role: str, merchant_id: int, *, days: int) -> tokens.Issued:
    """A role that the inviter may give, for whoever comes with the secret. Raises AccessDenied, recorded; BadInput."""
    wanted, email = giving.tenant_role(role), address(email)
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
    return issued


def accept(app: Warehouse, text: str) -> tokens.Accepted:
    """Turn an invitation into a role, on the record. Raises AccessDenied."""
    try:
        # Nobody yet: the invitation itself says who comes, and what whoever invited may give.
        with app.everyone() as session:
            accepted = tokens.accept(session, text.strip())
    except WarehouseError as error:
        if "does not hold" not in str(error):
            raise
        raise tokens.no_invitation() from None
    with app.merchant(accepted.merchant_id) as tenant:
        actor = f"user:{accepted.user_id}"
        detail = {"role": accepted.role, "from": "invitation"}
        record(tenant, actor=actor, action="permission.granted", subject=actor, detail=detail)
    return accepted
