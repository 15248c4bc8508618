"""Which rows of a list somebody wants to see, from the address of the page: it can be kept, sent and reloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from urllib.parse import urlencode

from mx_pipeline import words
from mx_pipeline.errors import BadInput
from mx_pipeline.operations.web.pages.showing import FieldError
from mx_pipeline.operations.web.sync_questions import LAST_YEAR
from mx_pipeline.warehouse.exporting import Range

ROWS = 50


@dataclass(frozen=True)
class Filters:
    """As they stand in the address."""

    typed: Mapping[str, str]
    days: Range
    errors: list[FieldError] = field(default_factory=list[FieldError])

    @property
    def is_filtered(self) -> bool:
        """Some rows are left out."""
        return any(value for name, value in self.typed.items() if name != "after")

    def chosen(self, name: str, among: Mapping[str, object]) -> str | None:
        """One of these, or any."""
        value = self.typed.get(name, "")
        return value if value in among else None

    def query(self, *, after: str | None = None) -> str:
        """The same rows, further down."""
        kept = {name: value for name, value in self.typed.items() if value and name != "after"}
        asked = urlencode(kept if after is None else {**kept, "after": after})
        return f"?{asked}" if asked else ""


def filters_of(query: Mapping[str, str], *names: str) -> Filters:
    """What is asked for; a day that is none is named, and left out."""
    typed = {name: query.get(name, "").strip() for name in ("from", "to", "after", *names)}
    errors: list[FieldError] = []
    since, until = (_day(name, typed[name], errors) for name in ("from", "to"))
    if since and until and since > until:
        errors.append(FieldError("to", "The last day must not be before the first"))
        since = until = None
    return Filters(typed, Range(since, None if until is None else until + timedelta(days=1)), errors)


def _day(name: str, text: str, errors: list[FieldError]) -> date | None:
    if not text:
        return None
    try:
        found = words.day(text)
    except BadInput:
        found = None
    if found is None or found.year > LAST_YEAR:
        errors.append(FieldError(name, "Type a day as year, month and day, such as 2026-03-01"))
        return None
    return found
