"""
Cheap checks on a record that msgspec has already typed: may it pass as it is?

msgspec takes more for a number than we do ("1_000", " 5 ", other scripts' digits, NaN, 1E+400), and
knows no ranges. Whatever fails here goes the careful way, which alone decides and gives the reason.
"""

from __future__ import annotations

import re
from datetime import UTC
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import msgspec

from mx_pipeline.mx_api.card_numbers import SHORTEST, is_in, masked
from mx_pipeline.mx_api.values import (
    BIGINT_BELOW,
    EXACT,
    MONEY_BELOW,
    MONEY_STEP,
    PLAIN_NUMBER,
    RATE_DIGITS_AT_MOST,
    YEARS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mx_pipeline.mx_api.shapes import Shape

Values: TypeAlias = "Callable[[object], tuple[Any, ...]]"

BIGINT_FROM = 1 - BIGINT_BELOW
MONEY_ABOVE = -MONEY_BELOW
QUOTE = ord('"')
SPACE = ord(" ")
FOREIGN_DIGITS_AND_SPACES = tuple(
    bytes([first]) for first in (0xC2, 0xD9, 0xDB, 0xDF, 0xE0, 0xE1, 0xE2, 0xE3, 0xEA, 0xEF, 0xF0)
)
"""What each digit and each white space beyond ASCII starts with in UTF-8: `Decimal` takes them, and we do not."""
AMOUNTS_REMEMBERED_AT_MOST = 10_000


class Soundness:
    """The checks of one shape, the objects inside it included."""

    def __init__(self, shape: Shape) -> None:
        """Reads the shape once; a check then only fetches attributes."""
        self._amounts = _values(shape.names("money"))
        self._rates = _values(shape.names("rate"))
        self._ids = _values(shape.names("whole", is_id=True))
        self._numbers = _values(shape.names("whole", is_id=False))
        self._lists_of_ids = _values(shape.names("whole", is_many=True))
        self._instants = _values(shape.names("instant"))
        self._texts = tuple(
            field.name for field in shape.fields if field.kind == "text" and not field.is_required
        )
        self._text_values = _values(self._texts)
        self._demanded_texts = _values(
            tuple(field.name for field in shape.fields if field.kind == "text" and field.is_required)
        )
        self._sound_amounts: set[Decimal] = set()
        inside = [
            (field.name, field.is_many, Soundness(field.shape)) for field in shape.fields if field.shape
        ]
        self._inside = tuple(inside)
        self._inside_to_check = tuple(part for part in inside if part[2].has_checks)
        self.has_checks = bool(self._inside_to_check) or any(
            field.kind not in ("text", "flag") for field in shape.fields
        )
        """False for an object of texts and flags only, such as a card."""

    def passes(self, record: object) -> bool:
        """All numbers and dates are within the ranges that the careful way would take unchanged."""
        for amount in self._amounts(record):
            if amount is None:
                continue
            # Zero is the commonest amount, and most others were seen a moment ago. `is_signed` finds "-0".
            if (
                amount.is_signed()
                if not amount
                else amount not in self._sound_amounts and not self._is_sound(amount)
            ):
                return False
        for number in self._ids(record):
            if number is not None and not 0 < number < BIGINT_BELOW:
                return False
        for number in self._numbers(record):
            if number is not None and not BIGINT_FROM <= number < BIGINT_BELOW:
                return False
        for instant in self._instants(record):
            if instant is not None and (instant.tzinfo is not UTC or instant.year not in YEARS):
                return False
        return "" not in self._demanded_texts(record) and self._rare_things_pass(record)

    def _is_sound(self, amount: Decimal) -> bool:
        if not MONEY_ABOVE < amount < MONEY_BELOW or amount.quantize(MONEY_STEP, None, EXACT) != amount:
            return False
        if len(self._sound_amounts) < AMOUNTS_REMEMBERED_AT_MOST:
            self._sound_amounts.add(amount)
        return True

    def _rare_things_pass(self, record: object) -> bool:
        for rate in self._rates(record):
            if rate is not None and (
                rate.is_signed() if not rate else not MONEY_ABOVE < rate < MONEY_BELOW or _is_long(rate)
            ):
                return False
        for ids in self._lists_of_ids(record):
            if ids is not None and any(not 0 < each < BIGINT_BELOW for each in ids):
                return False
        for name, is_many, soundness in self._inside_to_check:
            inner = getattr(record, name)
            if inner is None:
                continue
            for each in cast("Sequence[object]", inner) if is_many else (inner,):
                if not soundness.passes(each):
                    return False
        return True

    def drop_empty_texts(self, record: msgspec.Struct) -> None:
        """ "" means absent (`mx_api.md` 2.3). The record was made a moment ago and nobody else has seen it."""
        if "" in self._text_values(record):
            for name in self._texts:
                if getattr(record, name) == "":
                    msgspec.structs.force_setattr(record, name, None)
        for name, is_many, soundness in self._inside:
            inner = getattr(record, name)
            if inner is not None:
                for each in cast("Sequence[msgspec.Struct]", inner) if is_many else (inner,):
                    soundness.drop_empty_texts(each)

    def mask_card_numbers(self, record: msgspec.Struct) -> int:
        """In how many texts one was masked. As above: nobody else has seen the record."""
        count = 0
        # `is_in` without its call: nearly every text of every record ends here.
        for name, text in zip(self._texts, self._text_values(record), strict=True):
            if (
                text is not None
                and len(text) >= SHORTEST
                and is_in(text)
                and (mended := masked(text)) != text
            ):
                msgspec.structs.force_setattr(record, name, mended)
                count += 1
        for name, is_many, soundness in self._inside:
            inner = getattr(record, name)
            if inner is not None:
                for each in cast("Sequence[msgspec.Struct]", inner) if is_many else (inner,):
                    count += soundness.mask_card_numbers(each)
        return count


class LooseNumbers:
    """Finds number texts that msgspec would take and we do not."""

    def __init__(self, shape: Shape) -> None:
        """Looks only at the fields that hold money, quantities and rates."""
        names = "|".join((*shape.wire_names("money"), *shape.wire_names("rate")))
        self._loose = re.compile(rf'"(?:{names})"\s*:\s*"(?!(?:{PLAIN_NUMBER})?")'.encode())

    def may_be_in(self, raw: bytes, *, has_escapes: bool) -> bool:
        """First for the bytes without which there is none (1 µs a kB), only then exactly (10 µs)."""
        is_suspect = (
            has_escapes
            or b"_" in raw
            or _has_space_beside_quote(raw)
            or (not raw.isascii() and any(first in raw for first in FOREIGN_DIGITS_AND_SPACES))
        )
        return is_suspect and self._loose.search(raw) is not None


def _has_space_beside_quote(raw: bytes) -> bool:
    """Compact JSON has one only where a text starts or ends with a space; other JSON has one at once."""
    at = raw.find(SPACE)
    while at > 0:
        if raw[at - 1] == QUOTE or raw[at + 1 : at + 2] == b'"':
            return True
        at = raw.find(SPACE, at + 1)
    return False


def _is_long(rate: Decimal) -> bool:
    return len(str(rate)) > RATE_DIGITS_AT_MOST


def _values(names: tuple[str, ...]) -> Values:
    match names:
        case ():
            return lambda _: ()
        case (name,):
            return lambda record: (getattr(record, name),)
        case _:
            return cast("Values", attrgetter(*names))
