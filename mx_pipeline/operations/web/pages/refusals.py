"""Each refusal as a page: what happened, and who must act. No text of the database, no stranger's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from mx_pipeline.errors import (
    AccessDenied,
    BadInput,
    MxPipelineError,
    TooManyRequests,
    UnknownMerchant,
    WarehouseUnavailable,
)
from mx_pipeline.operations.web.problems import STATUS

OPERATOR = "the operator of this service"


@dataclass(frozen=True)
class Refusal:
    """What the page says."""

    status: int
    title: str
    words: str
    who: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def refusal_of(error: Exception) -> Refusal:
    """What a person is told of an error."""
    status = _status(error)
    match error:
        case AccessDenied():
            return Refusal(
                status,
                "You may not do this here",
                "Your role at this clinic does not allow it. That you tried is on the record.",
                "Ask the clinic’s owner or admin; they can give you another role.",
            )
        case TooManyRequests():
            return Refusal(
                status,
                "A little slower, please",
                "That was faster than one person may ask.",
                "Wait a moment, then load the page again.",
                {"Retry-After": str(round(error.retry_after_seconds) or 1)},
            )
        case WarehouseUnavailable():
            return Refusal(
                status,
                "The database is busy",
                "Nothing was done.",
                f"Try again in a moment. If that does not help, tell {OPERATOR}.",
            )
        case UnknownMerchant():
            return Refusal(status, "There is no such clinic", "Or it is not one of yours.")
        case BadInput():
            return Refusal(
                status, "This cannot be done as asked", f"{str(error)[:1].upper()}{str(error)[1:]}."
            )
        case _ if status == HTTPStatus.NOT_FOUND:
            return Refusal(status, "There is nothing here", "The address is wrong, or what was here is gone.")
        case _ if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refusal(
                status,
                "This cannot be done as asked",
                "Something in the address or in the form is wrong.",
            )
        case _:
            return Refusal(
                status,
                "Something went wrong on our side",
                "It is not your fault, and nothing was lost.",
                f"Try again. If it happens again, tell {OPERATOR}.",
            )


def _status(error: Exception) -> int:
    if isinstance(error, MxPipelineError):
        return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    return int(getattr(error, "status_code", HTTPStatus.UNPROCESSABLE_ENTITY))
