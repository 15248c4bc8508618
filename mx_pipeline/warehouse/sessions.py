"""Sessions of browsers: opened by whoever proved who they are, looked up with every call, ended by anyone entitled."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from mx_pipeline.errors import NotSignedIn
from mx_pipeline.warehouse.connections import Session

SECRET_BYTES = 32
LONGEST_HOURS = 12
WRITTEN = re.compile(r"mxs_([0-9a-f]{32})_([A-Za-z0-9_-]{43})", re.ASCII)
OVER = "this session is over: it was ended, or nobody used it for 15 minutes; sign in again at /signin"


@dataclass(frozen=True)
class Opened:
    """A session in the only moment in which its secret is known."""

    text: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Presented:
    """A session that holds."""

    session_id: str
    user_id: str
    secret: str = field(repr=False)


def open_session(session: Session, user_id: str, *, token_id: str | None) -> Opened:
    """For whoever works in this transaction; with a token's id it ends with that token."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    session.run("sessions", "forget_old_sessions", user_id=user_id)
    row = session.one(
        "sessions",
        "open_session",
        user_id=user_id,
        secret_hash=_hash(secret),
        token_id=token_id,
        hours=LONGEST_HOURS,
    )
    return Opened(f"mxs_{row.id.hex}_{secret}", row.expires_at)


def whose_session(session: Session, text: str, *, is_use: bool = True) -> Presented:
    """Who presents this. `is_use`: that somebody is there, who did something. Raises NotSignedIn."""
    found = WRITTEN.fullmatch(text)
    if found is None:
        raise NotSignedIn(OVER)
    session_id, secret = str(UUID(found[1])), found[2]
    row = session.run("sessions", "session_presented", session_id=session_id).one_or_none()
    kept = bytes(SECRET_BYTES) if row is None else bytes(row.secret_hash)
    if not hmac.compare_digest(kept, _hash(secret)) or row is None or row.is_over or not row.is_active:
        raise NotSignedIn(OVER)
    if is_use:
        session.run("sessions", "session_used", session_id=session_id)
    return Presented(session_id, str(row.user_id), secret)


def end_session(session: Session, session_id: str) -> bool:
    """It holds no more; False where it was over before, or is somebody else's."""
    return session.run("sessions", "end_session", session_id=session_id).one_or_none() is not None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
