"""Invoices asked for one by one, from the moment when the list has told of them: each once in a sync."""

from __future__ import annotations

from array import array
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from mx_pipeline.errors import MxApiError
from mx_pipeline.mx_api.page import Page
from mx_pipeline.mx_api.seen import SeenIds
from mx_pipeline.records import Invoice, InvoiceDetail
from mx_pipeline.sync.fetching import Flight, to_the_end
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.single import INVOICE_PAGES
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import invoices_of_page_to_fetch

IDS_AT_ONCE = 1000


def not_yet(asked: SeenIds, ids: Sequence[int]) -> array[int]:
    """Those that were not asked for before; from now on they are."""
    fresh = array("q")
    for at in range(0, len(ids), IDS_AT_ONCE):
        part = ids[at : at + IDS_AT_ONCE]
        known = asked.known_of(part)
        fresh.extend(mx_id for mx_id in part if mx_id not in known)
    for at in range(0, len(fresh), IDS_AT_ONCE):
        asked.add(fresh[at : at + IDS_AT_ONCE])
    return fresh


class InvoiceFlight:
    """Calls go out while the list's next page is read and written, where the list is read to its end anyway."""

    def __init__(self, work: Work) -> None:
        """Nothing is asked for yet."""
        self._work = work
        self._fetched = SeenIds()
        self._flight: Flight[InvoiceDetail] | None = None
        self._of_page: Sequence[int] = ()

    @property
    def is_in_the_air(self) -> bool:
        """Something was asked for and is not written yet."""
        return self._flight is not None

    def look(self, tenant: Tenant, page: Page[Invoice]) -> None:
        """In the transaction that writes the page: which of its invoices payments want."""
        self._of_page = ()
        if Phase.INVOICE_DETAILS in self._work.order.phases:
            numbers = {invoice.invoice_id: invoice.invoice_number for invoice in page.records}
            self._of_page = invoices_of_page_to_fetch(tenant, numbers)
            INVOICE_PAGES.look(tenant, self._work)

    def after_page(self) -> None:
        """Ask for these, and write what has come meanwhile."""
        self._ask(self._of_page)
        if self._flight is not None:
            INVOICE_PAGES.write_all(self._work, self._flight.landed(), Phase.INVOICE_DETAILS)

    def read(self, ids: Sequence[int]) -> None:
        """Ask for these too, and write everything that comes."""
        self._ask(ids)
        if self._flight is None:
            return
        flight, self._flight = self._flight, None
        INVOICE_PAGES.write_all(self._work, to_the_end(flight), Phase.INVOICE_DETAILS)

    def _ask(self, ids: Sequence[int]) -> None:
        fresh = INVOICE_PAGES.worth_asking(self._work, not_yet(self._fetched, ids))
        if not fresh:
            return
        self._flight = self._flight or INVOICE_PAGES.flight(self._work)
        self._flight.ask(fresh)
        self._work.progress.expects_more(Phase.INVOICE_DETAILS, len(fresh))

    def land(self, *, keep: bool) -> None:
        """Ask for nothing more; what is in flight comes, and is kept if it may be."""
        if self._flight is None:
            return
        flight, self._flight = self._flight, None
        with flight:
            flight.stop()
            if keep:
                INVOICE_PAGES.write_all(self._work, flight.rest(), Phase.INVOICE_DETAILS)


@contextmanager
def invoice_flight(work: Work) -> Generator[InvoiceFlight]:
    """In the air until the end of the block, however that comes."""
    flight = InvoiceFlight(work)
    try:
        yield flight
    except MxApiError:
        flight.land(keep=True)
        raise
    finally:
        flight.land(keep=False)
