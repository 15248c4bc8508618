"""Turns a bearer token into a person: one of this installation's own, or one of the configured issuer's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mx_pipeline.addresses import Issuer
from mx_pipeline.errors import AccessDenied
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.tokens import Known, is_ours, whose_subject, whose_token

if TYPE_CHECKING:
    from mx_pipeline.operations.identity import Claims

LONGEST_TOKEN = 8192
"""Characters; an issuer's with many claims is a tenth of that."""


def person_of(token: str, issuer: Issuer | None, app: Warehouse) -> str:
    """The id of the person whose token this is. Raises AccessDenied, also where the issuer is away."""
    if len(token) > LONGEST_TOKEN:
        raise AccessDenied("the token is longer than any that is issued; copy it again")
    if is_ours(token) or issuer is None:
        with app.everyone() as session:
            return _let_in(whose_token(session, token))
    from mx_pipeline.operations.identity import claims_of

    return person_of_claims(claims_of(token, issuer), issuer, app)


def person_of_claims(claims: Claims, issuer: Issuer, app: Warehouse) -> str:
    """The id of the person whom the issuer means. Raises AccessDenied."""
    with app.everyone() as session:
        known = whose_subject(
            session, issuer=issuer.url, subject=claims.subject, verified_email=claims.verified_email
        )
    if known is None:
        raise AccessDenied(
            "the issuer knows you, and this installation does not: ask for an invitation to the address that the "
            "issuer has verified, or a super admin for: mx-pipeline users add EMAIL"
        )
    return _let_in(known)


def _let_in(known: Known) -> str:
    if not known.is_active:
        raise AccessDenied(
            "this account is not active; a super admin or the operator can change that: "
            "mx-pipeline users activate EMAIL"
        )
    return known.user_id
