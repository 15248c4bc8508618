"""What callers may send: exactly the fields that are declared, of exactly their kinds."""

from __future__ import annotations

from datetime import date
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from mx_pipeline.errors import BadInput
from mx_pipeline.words import LARGEST_MX_ID
from mx_pipeline.words import day as as_day


class Question(BaseModel):
    """A JSON body. A field that is not declared is refused, so nobody gives themselves a role with one more."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, alias_generator=to_camel)


class Filters(BaseModel):
    """The query of an address, where all is text; otherwise the same."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


class Answer(BaseModel):
    """What is told of syncs, in the source document's way of writing."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)


def plain(text: str) -> str:
    """One line that a person could have typed. Raises ValueError, which says so."""
    stripped = text.strip()
    if not stripped.isprintable() or any("\ud800" <= letter <= "\udfff" for letter in stripped):
        raise ValueError("words on one line")
    return stripped


def _day(given: object) -> object:
    try:
        return as_day(given) if isinstance(given, str) else given
    except BadInput as error:
        raise ValueError(str(error)) from None


MerchantId: TypeAlias = Annotated[int, Field(gt=0, le=LARGEST_MX_ID, examples=[1000000001])]
Words: TypeAlias = Annotated[str, AfterValidator(plain)]
Day: TypeAlias = Annotated[date, BeforeValidator(_day)]
"""A calendar day, written 2026-03-01 and in no other way."""
