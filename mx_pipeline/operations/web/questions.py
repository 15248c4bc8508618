"""What callers may send: exactly the fields that are declared, of exactly their kinds."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mx_pipeline.settings import LARGEST_MX_ID


class Question(BaseModel):
    """A JSON body. A field that is not declared is refused, so nobody gives themselves a role with one more."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Filters(BaseModel):
    """The query of an address, where all is text; otherwise the same."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def plain(text: str) -> str:
    """One line that a person could have typed. Raises ValueError, which says so."""
    stripped = text.strip()
    if not stripped.isprintable() or any("\ud800" <= letter <= "\udfff" for letter in stripped):
        raise ValueError("words on one line")
    return stripped


MerchantId: TypeAlias = Annotated[int, Field(gt=0, le=LARGEST_MX_ID, examples=[1000000001])]
Words: TypeAlias = Annotated[str, AfterValidator(plain)]
