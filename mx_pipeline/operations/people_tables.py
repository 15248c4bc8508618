"""The tables of people that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.table import Table

from mx_pipeline.operations.tables import NOTHING, new_table
from mx_pipeline.warehouse.people import User


def users_table(users: Sequence[User]) -> Table:
    """One row per person."""
    table = new_table("email", "name", "platform", "active", "since")
    for user in users:
        table.add_row(
            user.email,
            user.display_name or NOTHING,
            user.platform_role or NOTHING,
            "yes" if user.is_active else "no",
            f"{user.created_at:%Y-%m-%d}",
        )
    return table


def permissions_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """One row per merchant where a person may do something."""
    table = new_table("merchant", "role", "through", "permissions")
    for one in found:
        table.add_row(
            str(one["merchant_id"]), one["role"], one["through"] or NOTHING, ", ".join(one["permissions"])
        )
    return table


def tokens_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """One row per token; never the token."""
    table = new_table("id", "state", "issued by", "issued", "expires", "last used")
    for one in found:
        table.add_row(
            one["id"],
            one["state"],
            one["issued_by"],
            one["created_at"][:10],
            one["expires_at"][:10],
            (one["last_used_at"] or NOTHING)[:16],
        )
    return table


def review_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """One row per merchant and person: what they can see, and what they did."""
    table = new_table("merchant", "email", "role", "through", "sees", "until", "did")
    for one in found:
        table.add_row(
            str(one["merchant_id"]),
            one["email"],
            one["role"] or "nothing any more",
            one["through"] or NOTHING,
            ", ".join(one["sees"]) or NOTHING,
            _day(one["expires_at"]),
            ", ".join(f"{did['action']} {did['times']}x" for did in one["did"]) or NOTHING,
        )
    return table


def _day(at: str | None) -> str:
    return NOTHING if at is None else f"{datetime.fromisoformat(at):%Y-%m-%d}"
