"""Who did what: events that are only ever added, each to its merchant's own chain, the platform's to chain 0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.rows import json

PLATFORM = 0
"""The chain of what belongs to no merchant."""

Action: TypeAlias = Literal[
    "sync.asked",
    "sync.refused",
    "sync.cancelled",
    "merchant.added",
    "merchant.changed",
    "merchant.paused",
    "merchant.resumed",
    "merchant.removed",
    "credential.used",
    "credential.changed",
    "keys.rotated",
    "user.added",
    "user.changed",
    "user.removed",
    "user.invited",
    "owner.changed",
    "permission.granted",
    "permission.changed",
    "permission.revoked",
    "access.refused",
    "access.reviewed",
    "access.disagreed",
    "access.mode_changed",
    "login.granted",
    "login.revoked",
    "token.issued",
    "token.revoked",
    "session.opened",
    "session.closed",
    "names.read",
    "data.exported",
    "workflow.changed",
    "category.changed",
    "override.set",
    "override.removed",
    "quarantine.replayed",
    "webhook.added",
    "webhook.removed",
    "webhook.rejected",
    "backup.made",
    "backup.restored",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
"""The database takes no other; a new one needs a migration."""

NOTHING: Mapping[str, object] = {}


def record(
    session: Session,
    *,
    actor: str,
    action: Action,
    subject: str | None = None,
    detail: Mapping[str, object] = NOTHING,
) -> None:
    """Add one event, in the session's own transaction: a Tenant's to its merchant, any other to the platform's.

    The chain is held until that transaction ends, so record last. `actor` is `operator:<os user>`,
    `user:<uuid>`, `login:<sql login>` or `process:<name>`. `detail` holds counts, numbers and words of ours: it
    outlives the merchant, so never a name, a value of a row or a secret.
    """
    # A Tenant puts its own merchant in the place of the platform.
    session.run(
        "audit",
        "record",
        merchant_id=PLATFORM,
        actor=actor,
        action=action,
        subject=subject,
        detail=json(dict(detail)),
    )


def events(
    session: Session, *, merchant_id: int | None = None, since: datetime | None = None, most: int
) -> list[Any]:
    """The newest events, newest first; for the auditor."""
    return list(session.run("audit", "events", merchant=merchant_id, since=since, most=most).all())
