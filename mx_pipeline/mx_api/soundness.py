"""
Cheap checks on a record that msgspec has already typed: may it pass as it is?

msgspec knows no ranges. Whatever fails here goes the careful way, which alone decides and gives the reason.
Amounts are looked at as they were written, by `number_texts`.
"""

from __future__ import annotations

from datetime import UTC
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import msgspec

from mx_pipeline.mx_api.card_numbers import SHORTEST, is_in, masked
from mx_pipeline.mx_api.values import BIGINT_BELOW, YEARS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mx_pipeline.mx_api.shapes import Shape

Values: TypeAlias = "Callable[[object], tuple[Any, ...]]"

BIGINT_FROM = 1 - BIGINT_BELOW


class Soundness:
    """The checks of one shape, the objects inside it included."""

    def __init__(self, shape: Shape) -> None:
        """Reads the shape once; a check then only fetches attributes."""
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
        inside = [
            (field.name, field.is_many, Soundness(field.shape)) for field in shape.fields if field.shape
        ]
        self._inside_with_texts = tuple(part for part in inside if part[2].has_texts)
        self.has_texts = bool(self._texts or self._inside_with_texts)
        self._inside_to_check = tuple(part for part in inside if part[2].has_checks)
        self.has_checks = bool(self._inside_to_check) or any(
            field.kind in ("whole", "instant") for field in shape.fields
        )
        """False for an object without whole numbers and dates, such as a card."""

    def passes(self, record: object) -> bool:
        """All whole numbers and dates are within the ranges that the careful way would take unchanged."""
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

    def _rare_things_pass(self, record: object) -> bool:
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
        texts = self._text_values(record)
        if "" in texts:
            for name, text in zip(self._texts, texts, strict=True):
                if text == "":
                    msgspec.structs.force_setattr(record, name, None)
        for name, is_many, soundness in self._inside_with_texts:
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
        for name, is_many, soundness in self._inside_with_texts:
            inner = getattr(record, name)
            if inner is not None:
                for each in cast("Sequence[msgspec.Struct]", inner) if is_many else (inner,):
                    count += soundness.mask_card_numbers(each)
        return count


def _values(names: tuple[str, ...]) -> Values:
    match names:
        case ():
            return lambda _: ()
        case (name,):
            return lambda record: (getattr(record, name),)
        case _:
            return cast("Values", attrgetter(*names))
