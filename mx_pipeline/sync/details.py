"""Phases 3 and 4: the pages of single invoices, and of single payments where nothing else can link them."""

from __future__ import annotations

from collections.abc import Sequence

from mx_pipeline.errors import MxForbidden
from mx_pipeline.mx_api.seen import SeenIds
from mx_pipeline.sync.invoice_flight import InvoiceFlight, not_yet
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.single import PAYMENT_PAGES
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import invoices_to_fetch, payments_of_numbers, payments_to_ask


def read_details(work: Work, invoices: InvoiceFlight, numbers_to_ask: Sequence[int] = ()) -> None:
    """Ask for each wanted invoice once, and for a payment only where its links cannot be known without.

    `numbers_to_ask`: invoice numbers that one payment's own page tells with fewer calls than the list.
    An answer can raise the next question (a payment names an invoice), so this goes round until none is left.
    """
    to_ask, asked = _of_numbers(work, numbers_to_ask), SeenIds()
    while not work.invoices_forbidden:
        _ask_payments(work, not_yet(asked, to_ask))
        to_fetch, to_ask = work.commit(lambda tenant: _open_questions(tenant, work))
        if to_fetch or invoices.is_in_the_air:
            _fetch_invoices(work, invoices, to_fetch)
            # Only now, for an invoice names its payments, and those need not be asked.
            to_ask = work.commit(lambda tenant: _payments_to_ask(tenant, work))
        if len(asked.known_of(to_ask)) == len(to_ask):
            return


def _of_numbers(work: Work, numbers: Sequence[int]) -> Sequence[int]:
    if not numbers:
        return ()
    by_number = work.commit(lambda tenant: payments_of_numbers(tenant, work.scope, numbers))
    return sorted(by_number.values())


def _open_questions(tenant: Tenant, work: Work) -> tuple[Sequence[int], Sequence[int]]:
    """Which invoices to fetch; where there is none, which payments to ask."""
    to_fetch = invoices_to_fetch(tenant, work.scope)
    return to_fetch, () if to_fetch else _payments_to_ask(tenant, work)


def _payments_to_ask(tenant: Tenant, work: Work) -> Sequence[int]:
    """And, where there are any, which of them MX denied: in a transaction that is open anyway."""
    to_ask = payments_to_ask(tenant, work.scope)
    if to_ask:
        PAYMENT_PAGES.look(tenant, work)
    return to_ask


def _ask_payments(work: Work, ids: Sequence[int]) -> None:
    try:
        PAYMENT_PAGES.read(work, ids, Phase.INVOICE_DETAILS)
    except MxForbidden as error:
        work.note(f"payments not asked one by one: {error}")


def _fetch_invoices(work: Work, invoices: InvoiceFlight, ids: Sequence[int]) -> None:
    try:
        invoices.read(ids)
    except MxForbidden as error:
        work.invoices_forbidden = True
        work.note(f"invoices not read: {error}")
