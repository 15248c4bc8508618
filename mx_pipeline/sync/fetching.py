"""Asks for many records one by one, several at once, and hands them on in batches as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from mx_pipeline.errors import (
    MxApiError,
    MxContractBroken,
    MxCredentialsRefused,
    MxForbidden,
    MxNotFound,
    MxRateLimited,
    MxRejected,
    MxUnavailable,
)
from mx_pipeline.records import InvoiceDetail, PaymentDetail, RefusedRecord
from mx_pipeline.warehouse.vanishing import NOT_SHOWN

RECORDS_PER_BATCH = 50
"""What a batch loses when the process dies is at most this many calls."""
UNANSWERED_IN_A_ROW = 5
"""One record that never answers is the vendor's; after five in a row the vendor itself is asked."""

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


def fetch_each(
    ids: Sequence[int],
    fetch: Callable[[int], D | RefusedRecord],
    stream: str,
    *,
    in_flight: int,
    probe: Callable[[], object],
    recheck_seconds: float,
) -> Iterator[Fetched[D]]:
    """Answers in the order in which they come; no more calls are made at once than `in_flight`.

    A record that does not answer comes as refused, and so does one that is not found when it is asked for
    again after `recheck_seconds`. Several unanswered in a row are the vendor's trouble if `probe`, a call that
    needs no record, raises; whatever else the client raises is raised, after the calls in flight have ended.
    """
    missed: list[int] = []
    missed_at = 0.0
    for fetched in _fetch(ids, fetch, stream, in_flight, probe):
        if isinstance(fetched.trouble, MxNotFound):
            missed.append(fetched.mx_id)
            missed_at = time.monotonic()
        else:
            yield fetched
    if missed:
        # A record may be younger than what answers for it: a replica of the vendor's, or a cache.
        time.sleep(max(0.0, missed_at + recheck_seconds - time.monotonic()))
        yield from _fetch(missed, fetch, stream, in_flight, probe)


def in_batches(fetched: Iterator[Fetched[D]]) -> Iterator[list[Fetched[D]]]:
    """Lists of at most RECORDS_PER_BATCH; what came before an error is handed on before it is raised."""
    batch: list[Fetched[D]] = []
    try:
        for one in fetched:
            batch.append(one)
            if len(batch) == RECORDS_PER_BATCH:
                yield batch
                batch = []
    except MxApiError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _fetch(
    ids: Sequence[int],
    fetch: Callable[[int], D | RefusedRecord],
    stream: str,
    in_flight: int,
    probe: Callable[[], object],
) -> Iterator[Fetched[D]]:
    def fetch_one(mx_id: int) -> Fetched[D]:
        return Fetched(mx_id, time.monotonic(), fetch(mx_id))

    waiting = iter(ids)
    unanswered = 0
    failure: MxApiError | None = None
    with ThreadPoolExecutor(in_flight, thread_name_prefix=stream) as pool:
        flying = {pool.submit(fetch_one, mx_id): mx_id for mx_id in islice(waiting, in_flight)}
        while flying:
            landed, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in landed:
                try:
                    fetched = _landed(future, flying.pop(future), stream)
                    unanswered = unanswered + 1 if _is_unanswered(fetched) else 0
                    if unanswered >= UNANSWERED_IN_A_ROW and failure is None:
                        _find_out(fetched, probe)
                        unanswered = 0
                except MxApiError as error:
                    # Nothing new is sent; what is in flight lands, and is kept.
                    failure, waiting = failure or error, iter(())
                    continue
                flying |= {pool.submit(fetch_one, another): another for another in islice(waiting, 1)}
                yield fetched
    if failure is not None:
        raise failure


def _is_unanswered(fetched: Fetched[D]) -> bool:
    return fetched.trouble is not None and not isinstance(fetched.trouble, MxNotFound)


def _find_out(fetched: Fetched[D], probe: Callable[[], object]) -> None:
    """Is it these records, or is it MX? What MX refuses five times it will refuse again."""
    if isinstance(fetched.trouble, MxRejected):
        raise fetched.trouble
    probe()


def _landed(future: Future[Fetched[D]], mx_id: int, stream: str) -> Fetched[D]:
    """The answer, or the trouble that this one record is in; raises the trouble that concerns all of them."""
    try:
        return future.result()
    except (MxCredentialsRefused, MxRateLimited):
        raise
    except MxNotFound as error:
        trouble, reason = error, NOT_SHOWN
    except MxForbidden as error:
        trouble, reason = error, "MX forbids it to this key; ask for a key whose role may read it"
    except MxContractBroken as error:
        trouble, reason = error, f"detail unavailable: MX's answer is not a record ({error.code})"
    except (MxUnavailable, MxRejected) as error:
        trouble, reason = error, f"detail unavailable: MX gives no answer for it ({error.code})"
    refused = RefusedRecord(stream=stream, mx_id=mx_id, reason=reason)
    return Fetched(mx_id, time.monotonic(), refused, trouble)
