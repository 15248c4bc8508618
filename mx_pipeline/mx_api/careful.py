"""
The slow path for odd records: the same fields, one by one, mended where nothing is lost, else refused.

What is mended: U+0000 and lone surrogates in text (U+FFFD instead), "" and null (absent), a number
for text and text for a number, "true", an offset other than UTC. A reason names the field, never a value.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias, cast

from mx_pipeline.mx_api.values import (
    BIGINT_BELOW,
    CannotTakeIn,
    flag,
    moment,
    money,
    rate,
    storable,
    text,
    whole,
)
from mx_pipeline.records import PURCHASE_KEYS_KEPT, Json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mx_pipeline.mx_api.drift import Drift
    from mx_pipeline.mx_api.shapes import Field, Shape

Tree: TypeAlias = dict[str, object]

NUMBER_DIGITS_AT_MOST = 400


class _Doubled(dict[str, object]):
    """An object in which a key came twice, so that nobody knows which value is meant."""


def parse(raw: bytes) -> object:
    """The JSON as a tree, with exact numbers; raises ValueError or RecursionError where it is none."""
    return _json.decode(raw.decode("utf-8", "surrogatepass"))


def convert(tree: object, shape: Shape, drift: Drift, path: str = "") -> Tree:
    """The declared fields of an object, mended, by wire name; raises CannotTakeIn. Tells `drift` what is odd."""
    if not isinstance(tree, dict):
        raise CannotTakeIn(f"{path or 'record'}: is not an object")
    if isinstance(tree, _Doubled):
        raise CannotTakeIn(f"{path or 'record'}: has the same key twice")
    came = cast("Tree", tree)
    drift.look_at_keys(came, path)
    taken: Tree = {}
    for field in shape.fields:
        value = came.get(field.wire_name)
        if value is not None and value != "":
            here = f"{path}.{field.wire_name}" if path else field.wire_name
            drift.look_at_type(value, field, here)
            value = _value(value, field, drift, here)
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
        {key: storable(value) for key, value in cast("Tree", line).items() if key in PURCHASE_KEYS_KEPT}
        for line in cast("list[object]", lines)
        if isinstance(line, dict)
    )


def known_keys_of(lines: Iterable[dict[str, Json]]) -> tuple[dict[str, Json], ...]:
    """The same for lines in which nothing is to be replaced or refused."""
    return tuple(
        line
        if line.keys() <= PURCHASE_KEYS_KEPT
        else {key: line[key] for key in line if key in PURCHASE_KEYS_KEPT}
        for line in lines
    )


def _value(value: object, field: Field, drift: Drift, path: str) -> object:
    if field.is_many:
        if not isinstance(value, list):
            raise CannotTakeIn(f"{path}: is not a list")
        items = cast("list[object]", value)
        return [_one(item, field, drift, f"{path}[{index}]") for index, item in enumerate(items)]
    return _one(value, field, drift, path)


def _one(value: object, field: Field, drift: Drift, path: str) -> object:
    match field.kind:
        case "text":
            mended = text(value, path)
            drift.replaced += isinstance(value, str) and mended != value
            return mended
        case "whole":
            return whole(value, path, lowest=1 if field.is_id else 1 - BIGINT_BELOW)
        case "money":
            return money(value, path)
        case "rate":
            return rate(value, path)
        case "instant":
            return moment(value, path, is_required=field.is_required)
        case "flag":
            return flag(value, path)
        case "object":
            assert field.shape is not None
            return convert(value, field.shape, drift, path)


def _object(pairs: list[tuple[str, object]]) -> Tree:
    tree = dict(pairs)
    return tree if len(tree) == len(pairs) else _Doubled(tree)


def _integer(text: str) -> int | Decimal:
    """Beyond 4,300 digits Python refuses to make an int, which would fail the whole page."""
    return int(text) if len(text) <= NUMBER_DIGITS_AT_MOST else Decimal(text)


_json = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=Decimal, parse_int=_integer, parse_constant=Decimal, strict=False
)
