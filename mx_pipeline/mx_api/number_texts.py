"""
Number texts that msgspec would take and we do not: "1_000", " 5 ", other scripts' digits, NaN, 1E+400.

A second, small reading of the same bytes keeps the amounts as they were written. Each way of writing is checked
once and remembered, so that of nearly all amounts only the text is looked up.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import msgspec

from mx_pipeline.mx_api.values import CannotTakeIn, decimal_in_range, money, rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from mx_pipeline.mx_api.shapes import Shape
    from mx_pipeline.records import Json

    Lines = list[dict[str, Json]]

TEXTS_REMEMBERED_AT_MOST = 20_000
LINES = "purchases"
"""The only objects inside a record that hold amounts; they are kept as sent, too."""


class NumberTexts:
    """The amounts and rates of one shape, as they were written."""

    def __init__(self, shape: Shape) -> None:
        """Reads the shape once."""
        amounts, rates = (
            tuple(field.wire_name for field in shape.fields if field.kind == kind)
            for kind in ("money", "rate")
        )
        fields: list[tuple[str, Any, Any]] = [
            (name, str | int | float | None, None) for name in (*amounts, *rates)
        ]
        inside = {field.wire_name: field.shape for field in shape.fields if field.shape}
        holding = {
            name: held.wire_names("money") for name, held in inside.items() if held.wire_names("money")
        }
        assert set(holding) <= {LINES}
        assert not any(held.wire_names("rate") for held in inside.values())
        if holding:
            fields.append((LINES, list[dict[str, Any]] | None, None))
        self._in_lines = holding.get(LINES, ())
        written = msgspec.defstruct("Written", fields, gc=False)
        self._decode = msgspec.json.Decoder(written, float_hook=decimal_in_range).decode
        self._amounts = _getter(amounts)
        self._rates = _getter(rates)
        self._sound_amounts: set[object] = {None}
        self._sound_rates: set[object] = {None}

    def lines_if_sound(self, raw: bytes) -> Lines | None:
        """The product lines of a record whose numbers are all written as ours are; None where one is not.

        Raises ValueError where they are not even of the right type.
        """
        written: Any = self._decode(raw)
        lines: Lines = (written.purchases or []) if self._in_lines else []
        amounts = self._amounts(written)
        if not self._sound_amounts.issuperset(amounts) and not self._are_amounts(amounts):
            return None
        for line in lines:
            in_line = [line.get(name) for name in self._in_lines]
            if not self._sound_amounts.issuperset(in_line) and not self._are_amounts(in_line):
                return None
        rates = self._rates(written)
        if not self._sound_rates.issuperset(rates) and not _all_are(rate, rates, self._sound_rates):
            return None
        return lines

    def _are_amounts(self, values: Iterable[object]) -> bool:
        return _all_are(money, values, self._sound_amounts)


def _all_are(
    kind: Callable[[object, str], Decimal], values: Iterable[object], remembered: set[object]
) -> bool:
    for value in values:
        if value in remembered:
            continue
        try:
            number = kind(value, "")
        except CannotTakeIn:
            return False
        # "-0" is a number that the careful way mends.
        if not number and str(value).startswith("-"):
            return False
        if len(remembered) < TEXTS_REMEMBERED_AT_MOST:
            remembered.add(value)
    return True


def _getter(names: tuple[str, ...]) -> Callable[[object], tuple[object, ...]]:
    match names:
        case ():
            return lambda _: ()
        case (name,):
            return lambda written: (getattr(written, name),)
        case _:
            return cast("Callable[[object], tuple[object, ...]]", attrgetter(*names))
