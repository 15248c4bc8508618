"""
How MX writes money and instants, and how to read them back. It knows no records.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

SECOND_MS: Final = 1_000
DAY_MS: Final = 86_400_000
BATCH_CLOSES_MS: Final = 23 * 3_600_000
"""Batches close at 23:00 UTC (mx_api.md 2.6)."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY: Final = EPOCH.toordinal()


@lru_cache(maxsize=32_768)
def money(cents: int) -> str:
    """Decimal text in its shortest form: 20700 is "207", 10350 is "103.5"."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    if not rest:
        return f"{sign}{whole}"
    if rest % 10:
        return f"{sign}{whole}.{rest:02d}"
    return f"{sign}{whole}.{rest // 10}"


def cents(text: object) -> int:
    """Cents of a decimal text or number; ValueError for anything that is not whole cents."""
    exact = Decimal(str(text)) * 100
    if not exact.is_finite() or exact != int(exact):
        raise ValueError(f"not an amount in whole cents: {text!r}")
    return int(exact)


def surcharge(base_cents: int) -> int:
    """3.5 %, half to even, as in 242 of 242 recorded rows."""
    whole, rest = divmod(abs(base_cents) * 35, 1000)
    if rest > 500 or (rest == 500 and whole % 2):
        whole += 1
    return whole if base_cents >= 0 else -whole


@lru_cache(maxsize=4096)
def day_text(epoch_day: int) -> str:
    return date.fromordinal(EPOCH_DAY + epoch_day).isoformat()


def instant(epoch_ms: int) -> str:
    """UTC with Z; 0 to 3 fractional digits, trailing zeros trimmed."""
    day, rest = divmod(epoch_ms, DAY_MS)
    seconds, ms = divmod(rest, SECOND_MS)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    clock = f"{day_text(day)}T{hour:02d}:{minute:02d}:{second:02d}"
    if not ms:
        return f"{clock}Z"
    return f"{clock}.{f'{ms:03d}'.rstrip('0')}Z"


midnight_instant = lru_cache(maxsize=4096)(instant)
"""For the dates of invoices, of which a page has few different ones."""


def epoch_ms(text: str) -> int:
    """The instant of an ISO text; without a zone it is taken as UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(milliseconds=1)


@lru_cache(maxsize=65_536)
def local_midnight(zone: str, day_ordinal: int) -> int:
    """Epoch milliseconds at which this day begins on the merchant's wall clock."""
    day = date.fromordinal(day_ordinal)
    start = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return (start.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


def local_day(zone: str, epoch: int) -> int:
    """Ordinal of the merchant's day in which this instant falls."""
    moment = EPOCH + timedelta(milliseconds=epoch)
    return moment.astimezone(ZoneInfo(zone)).date().toordinal()


def batch_close(created: int) -> int:
    """The 23:00 UTC at which the batch of a payment created then is closed."""
    close = created // DAY_MS * DAY_MS + BATCH_CLOSES_MS
    return close if created < close else close + DAY_MS
