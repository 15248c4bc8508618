"""Walks a newest-first list down to where it may stop, and goes on where an earlier walk was cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from mx_pipeline.mx_api.page import Page
from mx_pipeline.mx_api.paging import Pages
from mx_pipeline.sync.lists import Also, ListStream, R, Standing, nothing_else
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.loading import Merged

LOOK_BACK = timedelta(days=7)
"""Records younger than this are read again by every sync: payments settle or are voided within days."""
PAGES_AHEAD = 1
"""Under way while a page is written, which takes longer than to read one; more would only meet trouble sooner."""
OVERLAP_ROWS = 50
"""Read again where a walk goes on: so many rows may have vanished above it meanwhile."""


def walk(
    work: Work,
    stream: ListStream[R],
    ask: Callable[[int, int], Pages[R]],
    standing: Standing,
    *,
    to_end: bool,
    also: Also[R] = nothing_else,
) -> Iterator[tuple[Page[R], Merged]]:
    """Page by page, each already written. The caller leaves when `may_stop` and its own wish say so.

    A walk that was cut off goes on where it was: what had come since is read from the top first. Whether
    anything slipped through is for the certificate to say. `ask` starts a walk at an offset, with so many
    pages read ahead, which costs no call more where the caller does not leave before the end (`to_end`).
    `also`: as for `ListStream.write`.
    """
    start = 0
    if standing.open_position and (work.order.mode == "full" or not standing.is_walked):
        top = ask(0, 0)
        arrived = _read_top(work, stream, top)
        # No walk of ours has come to a place beyond the list's end: begin anew.
        if top.record_count is None or standing.open_position <= top.record_count:
            start = max(0, standing.open_position + arrived - OVERLAP_ROWS)
            stream.read(work).is_resumed = True
        else:
            stream.read(work).begin_anew()
    pages = ask(start, PAGES_AHEAD if to_end else 0)
    for page in pages:
        yield page, stream.write(work, pages, page, also=also)


def may_stop(
    work: Work,
    stream: ListStream[R],
    page: Page[R],
    merged: Merged,
    standing: Standing,
    older_than: datetime,
) -> bool:
    """The page reaches beyond the horizon, all below that was known, and no earlier walk was cut off there."""
    dates = [record.created for record in page.records if record.created is not None]
    return (
        standing.is_walked
        and bool(dates)
        and not page.refused
        and page.offset + page.received >= standing.open_position
        and min(dates) < older_than
        and not (merged.inserted and stream.has_new_below(work, page, older_than))
    )


def _read_top(work: Work, stream: ListStream[R], pages: Pages[R]) -> int:
    arrived = 0
    for page in pages:
        merged = stream.write(work, pages, page, is_walk=False)
        arrived += merged.inserted
        if merged.inserted < len(page.records):
            break
    return arrived
