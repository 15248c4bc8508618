"""`/api/invitations`: a role for somebody who comes with the secret that they were sent."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field
from starlette.requests import Request

from mx_pipeline.access import TenantRole
from mx_pipeline.errors import AccessDenied
from mx_pipeline.operations import inviting
from mx_pipeline.operations.web.callers import Here, address_of, refuse_stubborn
from mx_pipeline.operations.web.cookies import refuse_other_origins
from mx_pipeline.operations.web.documenting import PROBLEMS
from mx_pipeline.operations.web.office import office_of
from mx_pipeline.operations.web.questions import MerchantId, Question, Words

router = APIRouter(prefix="/api/invitations", tags=["people"], responses=PROBLEMS)


class InvitationQuestion(Question):
    """For whom, as what, and for how long it is good."""

    merchant_id: MerchantId
    email: Annotated[Words, Field(min_length=3, max_length=254)]
    role: TenantRole
    days: Annotated[int, Field(ge=1, le=inviting.LONGEST_DAYS)] = inviting.DAYS


class Invitation(BaseModel):
    """In the only moment in which its secret is known."""

    id: str
    invitation: str
    expires_at: datetime


class AcceptingQuestion(Question):
    """What was sent."""

    invitation: Annotated[str, Field(min_length=1, max_length=200)]


class Accepted(BaseModel):
    """What it came to."""

    merchant_id: int
    role: str


@router.post("", summary="Invite somebody to a role that you may give", status_code=201)
def invite(here: Here, question: Annotated[InvitationQuestion, Body()]) -> Invitation:
    """The secret is told once; send it to them. Nobody gives more than they have."""
    issued = inviting.invite(here, question.email, question.role, question.merchant_id, days=question.days)
    return Invitation(id=issued.id, invitation=issued.text, expires_at=issued.expires_at)


@router.post("/accept", summary="Accept an invitation")
def accept(request: Request, question: Annotated[AcceptingQuestion, Body()]) -> Accepted:
    """The secret says who comes. Then sign in by the issuer, or with a token that the operator gives."""
    office = office_of(request)
    refuse_other_origins(request, office.web, secret=None)
    refuse_stubborn(request, office)
    try:
        accepted = inviting.accept(office.app, question.invitation)
    except AccessDenied:
        office.strangers.take(address_of(request), at=time.monotonic())
        raise
    return Accepted(merchant_id=accepted.merchant_id, role=accepted.role)
