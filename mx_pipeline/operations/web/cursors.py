"""Where the next page begins, as one word that callers give back unread."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from mx_pipeline.errors import BadInput
from mx_pipeline.words import LARGEST_MX_ID

NO_CURSOR = (
    "this is no cursor: send the next_cursor of the page before, as it came, or none for the first page"
)


def cursor_of(at: datetime, mx_id: int) -> str:
    """After this row."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {mx_id}".encode()).decode().rstrip("=")


def place_of(cursor: str | None) -> tuple[datetime, int] | None:
    """The row after which to go on. Raises BadInput."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode(
            "ascii"
        )
        at, _, mx_id = text.partition(" ")
        moment, number = datetime.fromisoformat(at), int(mx_id)
    except (ValueError, binascii.Error):
        raise BadInput(NO_CURSOR) from None
    if moment.tzinfo is None or not 0 <= number <= LARGEST_MX_ID:
        raise BadInput(NO_CURSOR)
    return moment, number
