"""What a form sent, and how the fields of the sync form become a request, or say what to type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import parse_qsl

from starlette.requests import Request

from mx_pipeline import words
from mx_pipeline.errors import BadInput
from mx_pipeline.operations.web.pages.showing import FieldError
from mx_pipeline.operations.web.questions import plain
from mx_pipeline.operations.web.sync_questions import (
    LAST_YEAR,
    LONGEST_REASON,
    MOST_COUNT,
    MOST_COUNT_IN_EMERGENCY,
    MOST_MONTHS,
    USUAL_COUNT,
    is_too_long,
)
from mx_pipeline.warehouse.requests import SyncRequest

MOST_FIELDS = 40
LONGEST_NUMBER = 6
"""Digits."""


async def form_of(request: Request) -> Mapping[str, str]:
    """The fields of a form, as browsers send it. Raises BadInput."""
    try:
        pairs = parse_qsl(
            (await request.body()).decode(),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise BadInput("the form could not be read: send it from its page") from None
    return dict(pairs)


@dataclass(frozen=True)
class Typed:
    """The sync form as somebody filled it in."""

    number: str = str(USUAL_COUNT)
    emergency: bool = False
    since: str = ""
    until: str = ""
    reason: str = ""

    @classmethod
    def of(cls, form: Mapping[str, str]) -> Typed:
        """What came; what is missing is as on a fresh page."""
        return cls(
            number=form.get("number", str(USUAL_COUNT)).strip(),
            emergency=form.get("emergency") == "yes",
            since=form.get("since", "").strip(),
            until=form.get("until", "").strip(),
            reason=form.get("reason", "").strip(),
        )


def request_of(
    typed: Typed, *, asked_by: str, needs_reason: bool = True, dry_run: bool = False
) -> SyncRequest | list[FieldError]:
    """The request; or what is wrong with each field."""
    errors: list[FieldError] = []
    since, until = (
        _day(name, text, errors) for name, text in (("since", typed.since), ("until", typed.until))
    )
    is_range = bool(typed.since or typed.until)
    latest = None if is_range else _number(typed, errors)
    if is_range and dry_run:
        errors.append(FieldError("since", "Only a number can be tried without saving: leave the days empty"))
    if is_range and not typed.emergency:
        errors.append(FieldError("emergency", "Certain days are an emergency: say so, with a reason"))
    if since and until and since > until:
        errors.append(FieldError("until", "The last day must not be before the first"))
    elif since and until and is_too_long(since, until):
        errors.append(FieldError("until", f"At most {MOST_MONTHS} months: choose a nearer last day"))
    elif is_range and not since and not any(one.field == "since" for one in errors):
        errors.append(FieldError("since", "Choose the first day"))
    if typed.emergency and needs_reason and not typed.reason:
        errors.append(FieldError("reason", "Say why in a few words; it goes on the record"))
    reason = _reason(typed, errors)
    if errors:
        return errors
    return SyncRequest(
        asked_by,
        "api",
        mode="range" if is_range else "latest",
        latest=latest,
        since=since,
        until=None if until is None else until + timedelta(days=1),
        emergency=typed.emergency,
        reason=reason or ("forecast" if typed.emergency else None),
        dry_run=dry_run,
    )


def _number(typed: Typed, errors: list[FieldError]) -> int | None:
    most = MOST_COUNT_IN_EMERGENCY if typed.emergency else MOST_COUNT
    text = typed.number.replace(",", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else 0
    if 1 <= number <= most:
        return number
    more = "" if typed.emergency else ", or more as an emergency"
    errors.append(FieldError("number", f"Type a whole number from 1 to {most:,}{more}"))
    return None


def _day(name: str, text: str, errors: list[FieldError]) -> date | None:
    if not text:
        return None
    try:
        day = words.day(text)
    except BadInput:
        day = None
    if day is None or day.year > LAST_YEAR:
        errors.append(FieldError(name, "Type a day as year, month and day, such as 2026-03-01"))
        return None
    return day


def _reason(typed: Typed, errors: list[FieldError]) -> str:
    """On one line: a text area may hold several."""
    try:
        reason = plain(" ".join(typed.reason.split()))
    except ValueError:
        errors.append(FieldError("reason", "Use plain words on one line"))
        return ""
    if len(reason) > LONGEST_REASON:
        errors.append(FieldError("reason", f"At most {LONGEST_REASON} characters"))
    return reason
