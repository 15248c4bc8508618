"""Secrets that say who somebody is: this installation's own tokens, and invitations. Kept as hashes only."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from mx_pipeline.errors import AccessDenied
from mx_pipeline.warehouse.connections import Session, Tenant

Kind: TypeAlias = Literal["mxp", "mxi"]
TOKEN: Kind = "mxp"  # noqa: S105 # the first word of every token
INVITATION: Kind = "mxi"
SECRET_BYTES = 32
WRITTEN = re.compile(r"(mxp|mxi)_([0-9a-f]{32})_([A-Za-z0-9_-]{43})", re.ASCII)
"""What kind, which row, and 256 random bits."""


@dataclass(frozen=True)
class Issued:
    """A secret in the only moment in which it is known."""

    id: str
    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Known:
    """Somebody who has proved who they are."""

    user_id: str
    is_active: bool


@dataclass(frozen=True)
class Accepted:
    """What an invitation came to."""

    user_id: str
    merchant_id: int
    role: str


def is_ours(text: str) -> bool:
    """Whether this is written as a token of this installation, not an issuer's."""
    return text.startswith(f"{TOKEN}_")


def issue_token(session: Session, user_id: str, *, issued_by: str, days: int) -> Issued:
    """A token for a person; nobody can show it again."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    row = session.one(
        "tokens", "keep_token", user_id=user_id, secret_hash=_hash(secret), issued_by=issued_by, days=days
    )
    return Issued(str(row.id), _written(TOKEN, row.id, secret), row.expires_at)


def tokens_of(session: Session, user_id: str) -> Sequence[Any]:
    """Rows for `users tokens`, newest first."""
    return session.run("tokens", "tokens_of", user_id=user_id).all()


def revoke_token(session: Session, token_id: str) -> str | None:
    """End a token; whose it was, or None where the asker has none of that id that is still good."""
    revoked = session.run("tokens", "revoke_token", token_id=token_id).scalar()
    return None if revoked is None else str(revoked)


def whose_token(session: Session, text: str) -> Known:
    """Who presents this token of ours. Raises AccessDenied."""
    row_id, secret = _parts(text, TOKEN)
    row = session.run("tokens", "token_presented", token_id=row_id).one_or_none()
    # Compared with something in any case: an answer takes as long for an id that nobody has.
    kept = bytes(SECRET_BYTES) if row is None else bytes(row.secret_hash)
    if not hmac.compare_digest(kept, _hash(secret)) or row is None:
        raise _unknown()
    if row.is_revoked or row.is_expired:
        state = "was revoked" if row.is_revoked else "has expired"
        raise AccessDenied(
            f"this token {state}; ask the operator for another: mx-pipeline users token EMAIL, then set MX_TOKEN"
        )
    session.run("tokens", "token_used", token_id=row_id)
    return Known(str(row.user_id), row.is_active)


def whose_subject(session: Session, *, issuer: str, subject: str, verified_email: str | None) -> Known | None:
    """Whom an issuer's token means; None where nobody here is meant."""
    row = session.run(
        "tokens", "person_of_subject", issuer=issuer, subject=subject, verified_email=verified_email
    ).one_or_none()
    return None if row is None else Known(str(row.user_id), row.is_active)


def invite(tenant: Tenant, email: str, role: str, *, invited_by: str | None, days: int) -> Issued:
    """A role at this merchant, for whoever comes with the secret."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    row = tenant.one(
        "tokens",
        "keep_invitation",
        email=email,
        role=role,
        secret_hash=_hash(secret),
        invited_by=invited_by,
        days=days,
    )
    return Issued(str(row.invitation_id), _written(INVITATION, row.invitation_id, secret), row.expires_at)


def invitations_here(tenant: Tenant, *, most: int) -> Sequence[Any]:
    """Rows of who was invited to this merchant, newest first, for whoever may invite."""
    return tenant.run("tokens", "invitations_here", most=most).all()


def accept(session: Session, text: str) -> Accepted:
    """Turn an invitation into a role, once. Raises AccessDenied; in `everyone()`, as nobody."""
    row_id, secret = _parts(text, INVITATION)
    presented = _hash(secret)
    row = session.run("tokens", "invitation_presented", invitation_id=row_id).first()
    kept = bytes(SECRET_BYTES) if row is None else bytes(row.secret_hash)
    if not hmac.compare_digest(kept, presented):
        raise no_invitation()
    accepted = session.run(
        "tokens", "accept_invitation", invitation_id=row_id, secret_hash=presented
    ).one_or_none()
    if accepted is None:
        raise no_invitation()
    return Accepted(str(accepted.user_id), accepted.merchant_id, accepted.role)


def no_invitation() -> AccessDenied:
    """The error for an invitation that does not hold; why is not told to whoever guesses."""
    return AccessDenied(
        "this invitation does not hold: it was used, has expired, was copied in part, or whoever invited may not "
        "give the role any more; ask for another: mx-pipeline users invite"
    )


def _parts(text: str, kind: Kind) -> tuple[str, str]:
    found = WRITTEN.fullmatch(text)
    if found is None or found[1] != kind:
        raise _unknown() if kind == TOKEN else no_invitation()
    return str(UUID(found[2])), found[3]


def _written(kind: Kind, row_id: UUID, secret: str) -> str:
    return f"{kind}_{row_id.hex}_{secret}"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _unknown() -> AccessDenied:
    return AccessDenied(
        "MX_TOKEN is no token of this installation, or was copied in part; ask the operator for one: "
        "mx-pipeline users token EMAIL, or unset MX_TOKEN to work as the operator of this machine"
    )
