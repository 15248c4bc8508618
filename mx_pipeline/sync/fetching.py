"""Asks for many records one by one, several at once, and hands them on in batches as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from mx_pipeline.errors import MxNotFound, MxUnavailable
from mx_pipeline.records import InvoiceDetail, PaymentDetail, RefusedRecord

CALLS_IN_FLIGHT = 8
RECORDS_PER_BATCH = 50
"""What a batch loses when the process dies is at most this many calls."""
UNAVAILABLE_IN_A_ROW = 5
"""One record that never answers is the vendor's; five in a row are the vendor."""

D = TypeVar("D", PaymentDetail, InvoiceDetail)


@dataclass(frozen=True)
class Fetched(Generic[D]):
    """One answer: a record, or why there is none."""

    mx_id: int
    sent_at: float
    """`time.monotonic()` before the call."""
    answer: D | RefusedRecord


def fetch_each(
    ids: Sequence[int], fetch: Callable[[int], D | RefusedRecord], stream: str
) -> Iterator[Fetched[D]]:
    """Answers in the order in which they come; no more calls are in flight than the constant says.

    A record that is not found or does not answer comes as refused. Raises MxUnavailable when several in
    a row do not answer, and whatever else the client raises; calls in flight are waited for first.
    """

    def fetch_one(mx_id: int) -> Fetched[D]:
        return Fetched(mx_id, time.monotonic(), fetch(mx_id))

    waiting = iter(ids)
    unanswered = 0
    with ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix=stream) as pool:
        flying = {pool.submit(fetch_one, mx_id): mx_id for mx_id in islice(waiting, CALLS_IN_FLIGHT)}
        while flying:
            landed, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in landed:
                mx_id = flying.pop(future)
                fetched, is_unanswered = _landed(future, mx_id, stream)
                unanswered = unanswered + 1 if is_unanswered else 0
                if unanswered >= UNAVAILABLE_IN_A_ROW:
                    future.result()
                flying |= {pool.submit(fetch_one, another): another for another in islice(waiting, 1)}
                yield fetched


def in_batches(fetched: Iterator[Fetched[D]]) -> Iterator[list[Fetched[D]]]:
    """Lists of at most RECORDS_PER_BATCH."""
    while batch := list(islice(fetched, RECORDS_PER_BATCH)):
        yield batch


def _landed(future: Future[Fetched[D]], mx_id: int, stream: str) -> tuple[Fetched[D], bool]:
    try:
        return future.result(), False
    except MxNotFound:
        reason, is_unanswered = "MX does not show it (not found, or not this merchant's)", False
    except MxUnavailable as error:
        reason, is_unanswered = f"MX gives no answer for it ({error.code})", True
    return Fetched(
        mx_id, time.monotonic(), RefusedRecord(stream=stream, mx_id=mx_id, reason=reason)
    ), is_unanswered
