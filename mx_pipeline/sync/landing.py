"""What one call for one record came to: the record, its own trouble, or trouble that concerns all of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mx_pipeline.errors import (
    MxApiError,
    MxContractBroken,
    MxCredentialsRefused,
    MxForbidden,
    MxNotFound,
    MxOutage,
    MxRateLimited,
    MxRejected,
    MxUnavailable,
)
from mx_pipeline.records import InvoiceDetail, PaymentDetail, RefusedRecord
from mx_pipeline.warehouse.vanishing import NOT_SHOWN

D = TypeVar("D", PaymentDetail, InvoiceDetail)


@dataclass(frozen=True)
class Fetched(Generic[D]):
    """One answer: a record, or why there is none."""

    mx_id: int
    sent_at: float
    """`time.monotonic()` before the call."""
    answer: D | RefusedRecord
    trouble: MxApiError | None = None
    """What stands behind a refusal that no record's content caused."""


def refuse_forbidden(fetched: Fetched[D], answered: int) -> None:
    """Forbidden before anything was answered: the key may read none of them."""
    if isinstance(fetched.trouble, MxForbidden) and not answered:
        raise fetched.trouble


def is_unanswered(fetched: Fetched[D]) -> bool:
    """MX said nothing of the record, not even that there is none."""
    return fetched.trouble is not None and not isinstance(fetched.trouble, MxNotFound)


def find_out(fetched: Fetched[D], probe: Callable[[], object]) -> None:
    """Is it these records, or is it MX? What MX refuses five times it will refuse again."""
    if isinstance(fetched.trouble, MxRejected):
        raise fetched.trouble
    probe()


def what_came(mx_id: int, sent_at: float, answer: D | RefusedRecord | Exception, stream: str) -> Fetched[D]:
    """The answer, or the trouble that this one record is in; raises the trouble that concerns all of them."""
    if not isinstance(answer, Exception):
        return Fetched(mx_id, sent_at, answer)
    match answer:
        case MxNotFound():
            reason = NOT_SHOWN
        case MxForbidden():
            reason = "MX forbids it to this key; ask for a key whose role may read it"
        case MxContractBroken():
            reason = f"detail unavailable: MX's answer is not a record ({answer.code})"
        case MxUnavailable() | MxRejected() if not isinstance(
            answer, (MxCredentialsRefused, MxRateLimited, MxOutage)
        ):
            reason = f"detail unavailable: MX gives no answer for it ({answer.code})"
        case _:
            raise answer
    refused = RefusedRecord(stream=stream, mx_id=mx_id, reason=reason)
    return Fetched(mx_id, time.monotonic(), refused, answer)
