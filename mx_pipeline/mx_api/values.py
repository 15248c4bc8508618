"""One value of a record: mended where nothing is lost, else refused; the reason never holds the value."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import cast

import msgspec

from mx_pipeline.records import Json

BIGINT_BELOW = 2**63
MONEY_BELOW = Decimal(10) ** 15
MONEY_STEP = Decimal("1e-12")
"""The finest amount taken in: 12 decimals."""
EXACT = Context(prec=40)
"""Of our own, so that a thread's changed decimal context cannot let an amount through or stop it."""
RATE_DIGITS_AT_MOST = 60
"""28 are seen; beyond 60 a rate is no rate."""
DECIMAL_EXPONENT_AT_MOST = 30
YEARS = range(1990, 2201)
NO_DATE = "0001-01-01"
"""How .NET writes a date that was never set (`mx_api.md` 5.2)."""

PLAIN_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_PLAIN_NUMBER = re.compile(PLAIN_NUMBER)
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_instant = msgspec.json.Decoder(datetime)


class CannotTakeIn(ValueError):
    """This record, for this reason."""


def text(value: object, path: str) -> str:
    """Text; a whole number becomes its digits. What Postgres cannot store becomes U+FFFD."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise CannotTakeIn(f"{path}: is not text")
    return _UNSTORABLE.sub("\ufffd", value)


def whole(value: object, path: str, *, lowest: int) -> int:
    """A bigint; digits without a leading zero become their number."""
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, Decimal) and value.is_finite() and abs(value) < BIGINT_BELOW and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value < BIGINT_BELOW:
        raise CannotTakeIn(f"{path}: is not a whole number from {lowest} to {BIGINT_BELOW - 1}")
    return value


def money(value: object, path: str) -> Decimal:
    """Finite, below 1e15, at most 12 decimals, and never -0."""
    number = _number(value, path)
    if not -MONEY_BELOW < number < MONEY_BELOW:
        raise CannotTakeIn(f"{path}: is not between -1e15 and 1e15")
    if number.quantize(MONEY_STEP, None, EXACT) != number:
        raise CannotTakeIn(f"{path}: has more than 12 decimals")
    return number or Decimal(0)


def rate(value: object, path: str) -> Decimal:
    """Finite and of any sensible precision."""
    number = _number(value, path)
    if not -MONEY_BELOW < number < MONEY_BELOW or len(str(number)) > RATE_DIGITS_AT_MOST:
        raise CannotTakeIn(f"{path}: has too many digits")
    return number or Decimal(0)


def decimal_in_range(text: str) -> Decimal:
    """A JSON number of a product line, exact. Raises ValueError."""
    number = Decimal(text)
    if abs(number.adjusted()) > DECIMAL_EXPONENT_AT_MOST:
        raise ValueError("out of range")
    return number


def _number(value: object, path: str) -> Decimal:
    is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value)):
        raise CannotTakeIn(f"{path}: is not a plain decimal number")
    number = Decimal(cast("int | str | Decimal", value))
    if not number.is_finite():
        raise CannotTakeIn(f"{path}: is not a finite number")
    return number


def flag(value: object, path: str) -> bool:
    """True or false, also as a word or as 1 and 0."""
    match value:
        case bool():
            return value
        case "true" | "True" | 1:
            return True
        case "false" | "False" | 0:
            return False
        case _:
            raise CannotTakeIn(f"{path}: is neither true nor false")


def moment(value: object, path: str, *, is_required: bool) -> datetime | None:
    """An instant in UTC; None for an optional date that was never set. Without a zone it is no instant."""
    if isinstance(value, str) and value.startswith(NO_DATE) and not is_required:
        return None
    try:
        instant = _instant.decode(json.dumps(value)) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None:
        raise CannotTakeIn(f"{path}: is not a date in ISO 8601")
    if instant.tzinfo is None:
        raise CannotTakeIn(f"{path}: has no time zone")
    if instant.year not in YEARS:
        raise CannotTakeIn(f"{path}: is not in the years {YEARS[0]} to {YEARS[-1]}")
    return instant.astimezone(UTC)


def storable(value: object) -> Json:
    """The same value without what Postgres cannot store."""
    match value:
        case str():
            return _UNSTORABLE.sub("\ufffd", value)
        case dict():
            members = cast("dict[str, object]", value).items()
            return {_UNSTORABLE.sub("\ufffd", key): storable(member) for key, member in members}
        case list():
            return [storable(item) for item in cast("list[object]", value)]
        case Decimal() if not value.is_finite() or abs(value.adjusted()) > RATE_DIGITS_AT_MOST:
            raise CannotTakeIn("purchases: hold a number that is out of range")
        case _:
            return cast("Json", value)
