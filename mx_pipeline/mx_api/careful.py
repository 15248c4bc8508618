"""
The slow path for odd records: the same fields, one by one, mended where nothing is lost, else refused.

What is mended: U+0000 and lone surrogates in text (U+FFFD instead), "" and null (absent), a number
for text and text for a number, "true", an offset other than UTC. A reason names the field, never a value.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias, cast

import msgspec

from mx_pipeline.records import PURCHASE_KEYS_KEPT, Json

if TYPE_CHECKING:
    from mx_pipeline.mx_api.shapes import Field, Shape

Tree: TypeAlias = dict[str, object]

BIGINT_BELOW = 2**63
MONEY_BELOW = Decimal(10) ** 15
MONEY_STEP = Decimal("1e-12")
"""The finest amount taken in: 12 decimals."""
RATE_DIGITS_AT_MOST = 60
"""28 are seen; beyond 60 a rate is no rate."""
YEARS = range(1990, 2201)
NO_DATE = "0001-01-01"
"""How .NET writes a date that was never set (`mx_api.md` 5.2)."""
NUMBER_DIGITS_AT_MOST = 400

PLAIN_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
_PLAIN_NUMBER = re.compile(PLAIN_NUMBER)
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_instant = msgspec.json.Decoder(datetime)


class CannotTakeIn(ValueError):
    """This record, for this reason."""


class _Doubled(dict[str, object]):
    """An object in which a key came twice, so that nobody knows which value is meant."""


def parse(raw: bytes) -> object:
    """The JSON as a tree, with exact numbers; raises ValueError or RecursionError where it is none."""
    return _json.decode(raw.decode("utf-8", "surrogatepass"))


def convert(tree: object, shape: Shape, path: str = "") -> Tree:
    """The declared fields of an object, mended, by wire name; raises CannotTakeIn."""
    if not isinstance(tree, dict):
        raise CannotTakeIn(f"{path or 'record'}: is not an object")
    if isinstance(tree, _Doubled):
        raise CannotTakeIn(f"{path or 'record'}: has the same key twice")
    came = cast("Tree", tree)
    taken: Tree = {}
    for field in shape.fields:
        value = came.get(field.wire_name)
        if value is not None and value != "":
            value = _value(value, field, f"{path}.{field.wire_name}" if path else field.wire_name)
        if value is not None and value != "":
            taken[field.wire_name] = value
        elif field.is_required:
            raise CannotTakeIn(f"{path + '.' if path else ''}{field.wire_name}: is missing or empty")
    return taken


def purchases_as_sent(lines: object) -> tuple[dict[str, Json], ...]:
    """The raw lines, cut down to the known keys; what Postgres could not store is replaced or refused."""
    if not isinstance(lines, list):
        return ()
    return tuple(
        {key: _storable(value) for key, value in cast("Tree", line).items() if key in PURCHASE_KEYS_KEPT}
        for line in cast("list[object]", lines)
        if isinstance(line, dict)
    )


def _value(value: object, field: Field, path: str) -> object:
    if field.is_many:
        if not isinstance(value, list):
            raise CannotTakeIn(f"{path}: is not a list")
        items = cast("list[object]", value)
        return [_one(item, field, f"{path}[{index}]") for index, item in enumerate(items)]
    return _one(value, field, path)


def _one(value: object, field: Field, path: str) -> object:
    match field.kind:
        case "text":
            return _text(value, path)
        case "whole":
            return _whole(value, path, lowest=1 if field.is_id else 1 - BIGINT_BELOW)
        case "money":
            return _money(value, path)
        case "rate":
            return _rate(value, path)
        case "instant":
            return _moment(value, path, is_required=field.is_required)
        case "flag":
            return _flag(value, path)
        case "object":
            assert field.shape is not None
            return convert(value, field.shape, path)


def _text(value: object, path: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise CannotTakeIn(f"{path}: is not text")
    return _UNSTORABLE.sub("\ufffd", value)


def _whole(value: object, path: str, *, lowest: int) -> int:
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, Decimal) and value.is_finite() and abs(value) < BIGINT_BELOW and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value < BIGINT_BELOW:
        raise CannotTakeIn(f"{path}: is not a whole number from {lowest} to {BIGINT_BELOW - 1}")
    return value


def _money(value: object, path: str) -> Decimal:
    number = _number(value, path)
    if not -MONEY_BELOW < number < MONEY_BELOW:
        raise CannotTakeIn(f"{path}: is not between -1e15 and 1e15")
    if number.quantize(MONEY_STEP) != number:
        raise CannotTakeIn(f"{path}: has more than 12 decimals")
    return number or Decimal(0)


def _rate(value: object, path: str) -> Decimal:
    number = _number(value, path)
    if not -MONEY_BELOW < number < MONEY_BELOW or len(str(number)) > RATE_DIGITS_AT_MOST:
        raise CannotTakeIn(f"{path}: has too many digits")
    return number or Decimal(0)


def _number(value: object, path: str) -> Decimal:
    is_number = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and _PLAIN_NUMBER.fullmatch(value)):
        raise CannotTakeIn(f"{path}: is not a plain decimal number")
    number = Decimal(cast("int | str | Decimal", value))
    if not number.is_finite():
        raise CannotTakeIn(f"{path}: is not a finite number")
    return number


def _flag(value: object, path: str) -> bool:
    match value:
        case bool():
            return value
        case "true" | "True" | 1:
            return True
        case "false" | "False" | 0:
            return False
        case _:
            raise CannotTakeIn(f"{path}: is neither true nor false")


def _moment(value: object, path: str, *, is_required: bool) -> datetime | None:
    if isinstance(value, str) and value.startswith(NO_DATE) and not is_required:
        return None
    try:
        moment = _instant.decode(json.dumps(value)) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise CannotTakeIn(f"{path}: is not a date in ISO 8601")
    if moment.tzinfo is None:
        raise CannotTakeIn(f"{path}: has no time zone")
    if moment.year not in YEARS:
        raise CannotTakeIn(f"{path}: is not in the years {YEARS[0]} to {YEARS[-1]}")
    return moment.astimezone(UTC)


def _storable(value: object) -> Json:
    match value:
        case str():
            return _UNSTORABLE.sub("\ufffd", value)
        case dict():
            members = cast("Tree", value).items()
            return {_UNSTORABLE.sub("\ufffd", key): _storable(member) for key, member in members}
        case list():
            return [_storable(item) for item in cast("list[object]", value)]
        case Decimal() if not value.is_finite() or abs(value.adjusted()) > RATE_DIGITS_AT_MOST:
            raise CannotTakeIn("purchases: hold a number that is out of range")
        case _:
            return cast("Json", value)


def _object(pairs: list[tuple[str, object]]) -> Tree:
    tree = dict(pairs)
    return tree if len(tree) == len(pairs) else _Doubled(tree)


def _integer(text: str) -> int | Decimal:
    """Beyond 4,300 digits Python refuses to make an int, which would fail the whole page."""
    return int(text) if len(text) <= NUMBER_DIGITS_AT_MOST else Decimal(text)


_json = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Decimal, parse_int=_integer, parse_constant=Decimal, strict=False
)
