"""The secrets in the addresses that MX rings at, two per merchant at most, and who wants to be rung for."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import Any

from mx_pipeline.warehouse.connections import Session, Tenant

KEY_BYTES = 32
WRITTEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
PATH = "/webhooks/mx/"


def key_hash(key: str) -> bytes:
    """What is kept of a key: 256 random bits need no salt, and a look-up by it tells nothing of the key."""
    return hashlib.sha256(key.encode()).digest()


def issue_key(tenant: Tenant, *, created_by: str) -> str:
    """A new key beside the newest one; an older one is good no more. Nobody can show it again."""
    key = secrets.token_urlsafe(KEY_BYTES)
    tenant.run("webhooks", "keep_key", key_hash=key_hash(key), created_by=created_by)
    return key


def keys_of(tenant: Tenant) -> Sequence[Any]:
    """Rows of the keys that are good, newest first; not the keys."""
    return tenant.run("webhooks", "keys").all()


def is_good(tenant: Tenant, key: str) -> bool:
    """Is this one of the merchant's keys?"""
    return bool(tenant.one("webhooks", "is_key", key_hash=key_hash(key))[0])


def retire_keys(tenant: Tenant, *, but: str | None = None) -> None:
    """None is good any more, but this one."""
    tenant.run("webhooks", "retire_keys", but=None if but is None else key_hash(but))


def key_in(callback_url: str, public_url: str) -> str | None:
    """The key in an address of ours; None in any other."""
    start = f"{public_url}{PATH}"
    key = callback_url.removeprefix(start)
    return key if callback_url.startswith(start) and WRITTEN.fullmatch(key) else None


def want(tenant: Tenant) -> None:
    """MX is to ring for this merchant."""
    tenant.run("webhooks", "keep_subscription")


def want_no_more(tenant: Tenant) -> None:
    """MX is to ring no more."""
    tenant.run("webhooks", "want_no_subscription")


def subscription(tenant: Tenant) -> Any:
    """Its row; None where MX was never to ring."""
    return tenant.run("webhooks", "subscription").one_or_none()


def mark_repaired(tenant: Tenant) -> None:
    """Its subscriptions were made anew."""
    tenant.run("webhooks", "mark_repaired")


def to_look_at(session: Session, *, most: int) -> list[int]:
    """Merchants at whose subscriptions nobody has looked for an hour; for the dispatcher."""
    return session.column("webhooks", "to_look_at", most=most)


def look_at(tenant: Tenant) -> Any:
    """Take the look that is due; None where somebody else has."""
    return tenant.run("webhooks", "look_at").one_or_none()
