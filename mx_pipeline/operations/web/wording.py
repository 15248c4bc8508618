"""Says of each field that was not as asked what to type instead, and never repeats what came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HINTS: Mapping[str, str] = {
    "merchantId": "the merchant's number, such as 1000000001",
    "transactionCount": "a whole number from 1 to 100, or to 1000 with emergency: true and a reason",
    "emergency": "true or false",
    "reason": "why, in words on one line, 1 to 500 characters",
    "dateFrom": "a day of the merchant's calendar such as 2026-03-01",
    "dateTo": "a day of the merchant's calendar such as 2026-03-31",
    "dryRun": "true or false",
    "limit": "a whole number from 1 to 200",
    "cursor": "the next_cursor of the page before, or nothing",
    "from": "a day such as 2026-03-01",
    "to": "a day such as 2026-03-31",
    "role": "one of tenant_admin, clinic_staff, nurse, viewer, investor",
    "email": "an address such as kim@clinic.example",
    "status": "pending, yes or no",
    "notes": "words on one line, at most 1000 characters",
    "days": "a whole number from 1 to 30",
    "token": "the whole token as it was given to you",
    "invitation": "the whole invitation as it was sent to you",
}
KINDS: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here: leave it out",
    "json_invalid": "is no JSON",
}


def what_to_type(error: Mapping[str, Any]) -> dict[str, str]:
    """One of pydantic's errors, as a field and a sentence."""
    place = [str(part) for part in error["loc"] if part not in ("body", "query", "path", "header")]
    field = place[0] if place and error["type"] != "json_invalid" else "body"
    if error["type"] == "value_error" and not place:
        words = _own_words(error) or ""
        return {"field": words.split(" ", 1)[0], "message": words}
    said = KINDS.get(error["type"]) or "is not as it should be"
    hint = HINTS.get(field) if error["type"] != "extra_forbidden" else None
    if hint is None and error["type"] not in KINDS:
        hint = _own_words(error)
    name = field if _is_plain(field) else "a field whose name is not plain"
    return {"field": name, "message": f"{name} {said}" + (f": type {hint}" if hint else "")}


def _own_words(error: Mapping[str, Any]) -> str | None:
    """Of our own validators, whose sentences say what to do."""
    return str(error["msg"]).removeprefix("Value error, ") if error["type"] == "value_error" else None


def _is_plain(field: str) -> bool:
    return field.isascii() and field.isprintable() and len(field) <= 60  # longer than any of ours
