"""Phases 3 and 4: the pages of single invoices, and of single payments where nothing else can link them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial

from mx_pipeline.errors import MxForbidden, RowRefused, WarehouseSlow
from mx_pipeline.mx_api.seen import SeenIds
from mx_pipeline.records import RefusedRecord
from mx_pipeline.sync.fetching import fetch_in_batches
from mx_pipeline.sync.landing import D, Fetched
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import invoices_to_fetch, payments_of_numbers, payments_to_ask
from mx_pipeline.warehouse.halving import Landed, load_all_but_culprits
from mx_pipeline.warehouse.loading import (
    Merged,
    load_invoice_details,
    load_payment_details,
    refused_by_postgres,
    release,
    set_aside,
)
from mx_pipeline.warehouse.vanishing import denied_lately, mark_vanished

IDS_AT_ONCE = 1000


def read_details(work: Work, numbers_to_ask: Sequence[int] = ()) -> None:
    """Ask for each wanted invoice once, and for a payment only where its links cannot be known without.

    `numbers_to_ask`: invoice numbers that one payment's own page tells with fewer calls than the list.
    An answer can raise the next question (a payment names an invoice), so this goes round until none is left.
    """
    by_number = work.commit(lambda tenant: payments_of_numbers(tenant, work.scope, numbers_to_ask))
    to_ask: Sequence[int] = sorted(by_number.values())
    asked, fetched = SeenIds(), SeenIds()
    while not work.invoices_forbidden:
        _ask_payments(work, _not_yet(asked, to_ask))
        wanted = work.commit(lambda tenant: invoices_to_fetch(tenant, work.scope))
        _fetch_invoices(work, _not_yet(fetched, wanted))
        # Only now, for an invoice names its payments, and those need not be asked.
        to_ask = work.commit(lambda tenant: payments_to_ask(tenant, work.scope))
        if len(asked.known_of(to_ask)) == len(to_ask):
            return


def _not_yet(asked: SeenIds, ids: Sequence[int]) -> array[int]:
    """Those that were not asked for before; from now on they are."""
    fresh = array("q")
    for at in range(0, len(ids), IDS_AT_ONCE):
        part = ids[at : at + IDS_AT_ONCE]
        known = asked.known_of(part)
        fresh.extend(mx_id for mx_id in part if mx_id not in known)
    for at in range(0, len(fresh), IDS_AT_ONCE):
        asked.add(fresh[at : at + IDS_AT_ONCE])
    return fresh


def read_each_payment(work: Work, ids: Sequence[int], phase: Phase) -> None:
    """Ask for these payments one by one, as part of that phase."""
    _read_each(work, ids, work.client.get_payment, "payment_details", load_payment_details, phase)


def read_each_invoice(work: Work, ids: Sequence[int], phase: Phase) -> None:
    """Ask for these invoices one by one, as part of that phase."""
    _read_each(work, ids, work.client.get_invoice, "invoice_details", load_invoice_details, phase)


def _ask_payments(work: Work, ids: Sequence[int]) -> None:
    try:
        read_each_payment(work, ids, Phase.INVOICE_DETAILS)
    except MxForbidden as error:
        work.note(f"payments not asked one by one: {error}")


def _fetch_invoices(work: Work, ids: Sequence[int]) -> None:
    try:
        read_each_invoice(work, ids, Phase.INVOICE_DETAILS)
    except MxForbidden as error:
        work.invoices_forbidden = True
        work.note(f"invoices not read: {error}")


def _read_each(
    work: Work,
    ids: Sequence[int],
    fetch: Callable[[int], D | RefusedRecord],
    stream: str,
    load: Callable[[Tenant, Sequence[tuple[D, datetime]]], Merged],
    phase: Phase,
) -> None:
    worth_asking, is_any_held = _worth_asking(work, ids, stream)
    batches = fetch_in_batches(
        worth_asking,
        fetch,
        stream,
        in_flight=work.client.most_in_flight,
        probe=work.client.check_credentials,
        recheck_seconds=work.client.limits.recheck_seconds,
    )
    # What is in flight ends before the error of a write goes on: nobody calls MX for a sync that is over.
    with closing(batches):
        for batch in batches:
            merged, refused = _write(work, batch, stream, load, may_release=is_any_held)
            is_any_held = is_any_held or bool(refused)
            work.add(phase, merged)
            work.count_refused(refused)
            work.details[stream] += len(batch)


def _write(
    work: Work,
    batch: Sequence[Fetched[D]],
    stream: str,
    load: Callable[[Tenant, Sequence[tuple[D, datetime]]], Merged],
    *,
    may_release: bool,
) -> tuple[Merged, list[RefusedRecord]]:
    unread = [one.answer for one in batch if isinstance(one.answer, RefusedRecord)]
    details = [
        (one.answer, work.observed_at(one.sent_at))
        for one in batch
        if not isinstance(one.answer, RefusedRecord)
    ]

    def write(tenant: Tenant, *, at_once: bool = True) -> tuple[Merged, list[RefusedRecord]]:
        landed = Landed(load(tenant, details)) if at_once else load_all_but_culprits(tenant, details, load)
        culprits = [refused_by_postgres(stream, detail, words) for (detail, _), words in landed.culprits]
        refused = [*unread, *culprits]
        if may_release:
            release(tenant, stream, [detail.mx_id for detail, _ in details])
        set_aside(tenant, refused, run_id=work.run_id)
        mark_vanished(tenant, stream, refused)
        return landed.merged, refused

    try:
        return work.commit(write)
    except (RowRefused, WarehouseSlow):
        # Only now with savepoints, which cost a batch that is sound two round trips.
        return work.commit(partial(write, at_once=False))


def _worth_asking(work: Work, ids: Sequence[int], stream: str) -> tuple[Sequence[int], bool]:
    """What MX denied twice, not long ago, is left alone; a full sync asks for it all the same.

    And whether anything is held in quarantine that could be released.
    """
    if not ids:
        return ids, False
    denied, is_any_held = work.commit(
        lambda tenant: (
            set(denied_lately(tenant, stream)),
            bool(tenant.one("sync", "quarantined")[0]),
        )
    )
    if work.order.mode == "full" or not denied:
        return ids, is_any_held
    return array("q", (mx_id for mx_id in ids if mx_id not in denied)), is_any_held
