"""People with SQL: a login role each, and the merchants that it reads. Works as the migrating login."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from psycopg2 import sql
from sqlalchemy import Connection

from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.administering import admin_transaction, explained_refusal, scram_verifier, utility
from mx_pipeline.warehouse.audit import Action, record
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.logins import ANALYST_ROLE, INVESTOR_ROLE, OWNER_ROLE, Logins
from mx_pipeline.warehouse.merchants import unknown
from mx_pipeline.warehouse.refusals import translated
from mx_pipeline.warehouse.statements import statements

GROUP_OF = {"analyst": ANALYST_ROLE, "investor": INVESTOR_ROLE}
NAME = re.compile(r"[a-z][a-z0-9_]{2,39}")
RESERVED = ("mx_", "pg_", "postgres")
PASSWORD_BYTES = 24
CONNECTIONS_AT_ONCE = 3
LIMITS = {
    "statement_timeout": "60s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
}
"""What a session of such a login begins with; the person may change them, and gains no row by it."""


@dataclass(frozen=True)
class SqlAccess:
    """What a login may read, and until when."""

    kind: str
    """`analyst` or `investor`."""
    sees_names: bool = False
    until: date | None = None
    """The first day, of each merchant, without it."""


def check_name(name: str) -> str:
    """A name that may be a login's. Raises BadInput."""
    if not NAME.fullmatch(name) or name.startswith(RESERVED):
        raise BadInput(
            "a login is called by 3 to 40 small letters, digits and underscores, begins with a letter, and not "
            f"with {', '.join(RESERVED)}"
        )
    return name


def add(
    logins: Logins, name: str, access: SqlAccess, merchants: Sequence[int], *, granted_by: str
) -> str | None:
    """Let the login read these merchants; its new password, or None where it has had one.

    Raises BadInput, UnknownMerchant.
    """
    check_name(name)
    _check_end(access)
    with admin_transaction(logins) as connection, explained_refusal():
        has_password = _known_role(connection, name)
        password = None if has_password else secrets.token_urlsafe(PASSWORD_BYTES)
        if password is not None:
            _open_role(connection, name, password)
        utility(connection, "GRANT {} TO {}", sql.Identifier(GROUP_OF[access.kind]), sql.Identifier(name))
        utility(connection, "SET LOCAL ROLE {}", sql.Identifier(OWNER_ROLE))
        for merchant_id in merchants:
            if not _run(connection, "merchant_exists", merchant_id=merchant_id).scalar():
                raise unknown(merchant_id)
            _run(
                connection,
                "grant",
                merchant_id=merchant_id,
                login=name,
                kind=access.kind,
                sees_names=access.sees_names,
                until=access.until,
                granted_by=granted_by,
            )
            detail = {
                "kind": access.kind,
                "names": access.sees_names,
                "until": str(access.until or "") or None,
            }
            _record(connection, merchant_id, name, granted_by, "login.granted", detail)
    return password


def remove(logins: Logins, name: str, merchants: Iterable[int] = (), *, revoked_by: str) -> list[int]:
    """Take these merchants away, or all and the login with them; which were taken. Raises BadInput."""
    wanted = list(merchants)
    with admin_transaction(logins) as connection, explained_refusal():
        utility(connection, "SET LOCAL ROLE {}", sql.Identifier(OWNER_ROLE))
        taken = _run(connection, "revoke", login=name, merchants=wanted or None).scalars().all()
        for merchant_id in taken:
            _record(connection, merchant_id, name, revoked_by, "login.revoked", {})
        is_known = _run(connection, "is_known", login=name).scalar()
        utility(connection, "RESET ROLE")
        if not is_known or (wanted and not taken):
            raise BadInput(f"no login {name} reads that here; see mx-pipeline users sql-login list")
        if not wanted and _is_ours(connection, name):
            # Whatever it made keeps it from being dropped; without a password and merchants it is nobody.
            utility(connection, "ALTER ROLE {} NOLOGIN PASSWORD NULL", sql.Identifier(name))
    return sorted(taken)


def listed(logins: Logins) -> Sequence[Any]:
    """Every login and merchant, with what it may read."""
    with admin_transaction(logins) as connection:
        utility(connection, "SET LOCAL ROLE {}", sql.Identifier(OWNER_ROLE))
        return _run(connection, "listed").all()


def _record(
    connection: Connection,
    merchant_id: int,
    name: str,
    actor: str,
    action: Action,
    detail: Mapping[str, object],
) -> None:
    """In the same transaction as the deed."""
    tenant = Tenant(connection, merchant_id)
    record(tenant, actor=actor, action=action, subject=f"login:{name}", detail=detail)


def _check_end(access: SqlAccess) -> None:
    if access.until is not None and access.until <= datetime.now(UTC).date():
        raise BadInput(f"{access.until} has begun already: --until names the first day without the login")


def _known_role(connection: Connection, name: str) -> bool:
    """Whether the role can log in already. Raises BadInput where the name is somebody else's."""
    role = _run(connection, "role", login=name).one_or_none()
    if role is None:
        utility(connection, "CREATE ROLE {} NOLOGIN", sql.Identifier(name))
        return False
    if not role.is_ours or role.is_strong:
        raise BadInput(f"Postgres has a role {name} that was not made here; choose another name")
    return bool(role.rolcanlogin)


def _is_ours(connection: Connection, name: str) -> bool:
    role = _run(connection, "role", login=name).one_or_none()
    return role is not None and role.is_ours and not role.is_strong


def _open_role(connection: Connection, name: str, password: str) -> None:
    role = sql.Identifier(name)
    verifier = sql.Literal(scram_verifier(connection, name, password))
    limit = sql.Literal(CONNECTIONS_AT_ONCE)
    utility(connection, "ALTER ROLE {} LOGIN CONNECTION LIMIT {} PASSWORD {}", role, limit, verifier)
    for setting, value in LIMITS.items():
        utility(connection, "ALTER ROLE {} SET {} = {}", role, sql.Identifier(setting), sql.Literal(value))


def _run(connection: Connection, name: str, **parameters: object) -> Any:
    with translated():
        return connection.execute(statements("sql_logins")[name], parameters)
