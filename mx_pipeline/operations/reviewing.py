"""Who can see what at a merchant, and who did: permissions as they rule today, deeds from the audit log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mx_pipeline.operations.at_work import AtWork
from mx_pipeline.operations.context import opened
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.logins import AUDITOR_ROLE, DISPATCHER_ROLE
from mx_pipeline.warehouse.merchants import list_merchants

SIGHTS: Mapping[str, tuple[str, ...]] = {
    "names": ("names.view",),
    "payments": ("transactions.view:readonly",),
    "invoices": ("invoices.view:readonly",),
    "figures": ("analytics.view", "reports.view"),
}
"""What a permission lets somebody see, in a word."""
REVIEW = "users.manage"


def reviewed(here: AtWork, settings: Settings, only: int | None, *, days: int) -> list[dict[str, object]]:
    """One entry per merchant and person, and per operator, login or process that did something there."""
    merchants = _merchants(here, settings) if only is None else [only]
    since = datetime.now(UTC) - timedelta(days=days)
    found: list[dict[str, object]] = []
    with opened(settings, AUDITOR_ROLE) as auditor:
        for merchant_id in merchants:
            here.require(REVIEW, merchant_id)
            with auditor.everyone() as session:
                did = _deeds(session, merchant_id, since)
            with here.merchant(merchant_id) as tenant:
                rows = tenant.run("people", "people_at").all()
                found += [_entry(merchant_id, row, did.pop(f"user:{row.user_id}", [])) for row in rows]
                found += [
                    _of_login(merchant_id, row, did.pop(f"login:{row.login}", []))
                    for row in tenant.run("sql_logins", "logins_at")
                ]
                record(tenant, actor=here.person.actor, action="access.reviewed", detail={"days": days})
            found += [_of_no_person(merchant_id, actor, deeds) for actor, deeds in sorted(did.items())]
    return found


def _merchants(here: AtWork, settings: Settings) -> list[int]:
    managed = here.merchants(REVIEW)
    if managed is not None:
        return managed
    with opened(settings, DISPATCHER_ROLE) as dispatcher, dispatcher.everyone() as session:
        return [merchant.merchant_id for merchant in list_merchants(session)]


def _deeds(session: Session, merchant_id: int, since: datetime) -> dict[str, list[dict[str, object]]]:
    did: dict[str, list[dict[str, object]]] = defaultdict(list)
    for row in session.run("people", "deeds", at_merchant=merchant_id, since=since):
        did[row.actor].append({"action": row.action, "times": row.times, "last_at": row.last_at.isoformat()})
    return did


def _entry(merchant_id: int, row: Any, did: list[dict[str, object]]) -> dict[str, object]:
    allowed = frozenset(row.permissions or ())
    return {
        "merchant_id": merchant_id,
        "email": row.email,
        "name": row.display_name,
        "is_active": row.is_active,
        "role": row.role,
        "through": row.through,
        "permissions": sorted(allowed),
        "sees": [word for word, needed in SIGHTS.items() if allowed.intersection(needed)],
        "granted_role": row.given_role,
        "granted_by": None if row.granted_by is None else f"user:{row.granted_by}",
        "granted_at": None if row.granted_at is None else row.granted_at.isoformat(),
        "expires_at": None if row.expires_at is None else row.expires_at.isoformat(),
        "did": did,
    }


def _of_login(merchant_id: int, row: Any, did: list[dict[str, object]]) -> dict[str, object]:
    """Somebody who reads with SQL: Postgres keeps no record of what."""
    names = ["names"] if row.sees_names else []
    sees = ["figures"] if row.kind == "investor" else [*names, "payments", "invoices"]
    return {
        "merchant_id": merchant_id,
        "email": f"login:{row.login}",
        "name": None,
        "is_active": row.is_active,
        "role": row.kind,
        "through": "sql",
        "permissions": [],
        "sees": sees if row.is_active else [],
        "granted_role": row.kind,
        "granted_by": row.granted_by,
        "granted_at": row.granted_at.isoformat(),
        "expires_at": None if row.expires_at is None else row.expires_at.isoformat(),
        "did": did,
    }


def _of_no_person(merchant_id: int, actor: str, did: list[dict[str, object]]) -> dict[str, object]:
    """An operator, a login, a process; or a person who has nothing to do with the merchant any more."""
    nothing = dict.fromkeys(
        ("name", "role", "through", "granted_role", "granted_by", "granted_at", "expires_at")
    )
    return {
        "merchant_id": merchant_id,
        "email": actor,
        "is_active": None,
        **nothing,
        "permissions": [],
        "sees": [],
        "did": did,
    }
