"""What a person types: numbers of MX Merchant, days, time zones, names of its worlds; each refused with an example."""

from __future__ import annotations

import re
from datetime import date
from typing import Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo, available_timezones

from mx_pipeline.errors import BadInput

MxEnvironment: TypeAlias = Literal["sandbox", "production"]
MX_ENVIRONMENTS: tuple[MxEnvironment, ...] = get_args(MxEnvironment)

LARGEST_MX_ID = 2**63 - 1
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def merchant_id(text: str) -> int:
    """A merchant id as a person types it. Raises BadInput."""
    return _mx_id(text, "merchant id", example="1000000001")


def request_or_merchant(text: str) -> int:
    """The number of either, as a person types it. Raises BadInput."""
    return _mx_id(text, "request or merchant", example="17 or 1000000001")


def payment_id(text: str) -> int:
    """A payment's id as a person types it. Raises BadInput."""
    return _mx_id(text, "payment id", example="10000000456")


def _mx_id(text: str, what: str, *, example: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_MX_ID))
    if not (is_number and 0 < int(text) <= LARGEST_MX_ID):
        raise BadInput(f"{text!r} is no {what}: type the number that MX Merchant shows, such as {example}")
    return int(text)


def timezone(text: str) -> str:
    """An IANA time zone as a person types it. Raises BadInput."""
    if text not in available_timezones():
        raise BadInput(f"{text!r} is no time zone: type an IANA name, such as America/Chicago")
    return ZoneInfo(text).key


def day(text: str) -> date:
    """A calendar day as a person types it. Raises BadInput."""
    try:
        # Without the pattern, fromisoformat takes 20260301 and weeks as well.
        return date.fromisoformat(text if DAY.fullmatch(text) else "")
    except ValueError:
        raise BadInput(f"{text!r} is no day: type year, month and day, such as 2026-03-01") from None


def mx_environment(text: str) -> MxEnvironment:
    """Which of the vendor's two worlds. Raises BadInput."""
    for name in MX_ENVIRONMENTS:
        if text == name:
            return name
    raise BadInput(f"{text!r} is no environment: type sandbox or production")
