"""Turns a token, or what an issuer says, into a session; and ends sessions. Used by the API and by the pages."""

from __future__ import annotations

from uuid import UUID

from mx_pipeline.operations.web.callers import Caller, of_token
from mx_pipeline.operations.web.office import Office
from mx_pipeline.warehouse import tokens
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.sessions import Opened, end_session, open_session


def sign_in_with_token(office: Office, token: str) -> Opened:
    """A session of the person whose token this is. Raises NotSignedIn."""
    found = of_token(office, token.strip())
    written = tokens.WRITTEN.fullmatch(token.strip())
    token_id = None if written is None else str(UUID(written[2]))
    return open_for(office, found.here.person.user_id, token_id=token_id, through="token")


def open_for(office: Office, user_id: str, *, token_id: str | None, through: str) -> Opened:
    """A session for somebody whose identity is proven; on the record."""
    with office.app.everyone(person=user_id) as session:
        opened = open_session(session, user_id, token_id=token_id)
        record(session, actor=f"user:{user_id}", action="session.opened", detail={"through": through})
    return opened


def sign_out(found: Caller) -> None:
    """The session holds no more, also where its cookie was copied; on the record."""
    if found.session is None:
        return
    with found.here.platform() as session:
        if end_session(session, found.session.session_id):
            record(session, actor=found.here.person.actor, action="session.closed")
