"""The invoice list of one sync: where it will be read to its end, it is begun while the last payments are written."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from mx_pipeline.mx_api.paging import Pages
from mx_pipeline.records import Invoice
from mx_pipeline.sync.lists import INVOICES, Standing
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.walking import PAGES_AHEAD
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.connections import Tenant


class InvoiceList:
    """`begin` is anybody's; everything else is the sync's own thread's."""

    def __init__(self, work: Work) -> None:
        """Nobody has looked yet."""
        self.standing: Standing | None = None
        self.to_end = False
        """Whether it is read to its end; known once somebody has looked."""
        self._is_quiet = False
        self._work = work
        self._lock = threading.Lock()
        self._begun: Pages[Invoice] | None = None

    def look(self, tenant: Tenant) -> Standing:
        """How far it was read by earlier syncs."""
        standing = self.standing = INVOICES.standing_in(tenant)
        mode = self._work.order.mode
        self.to_end = mode == "full" or (mode == "incremental" and standing.weekly_due)
        self._is_quiet = self.to_end and not tenant.one("sync", "quarantined")[0]
        return standing

    def begin(self) -> None:
        """Ask for the first page, where it is certain that it will be wanted.

        That saves a call's time. Not before the last payments have come: an invoice is older than what pays it, and
        a key that is refused is refused once. Nor where something is in quarantine: an invoice that is tried again
        by its own page would be newer than its row of a list that was asked for before.
        """
        is_certain = self._is_quiet and self.standing is not None and not self.standing.open_position
        if not is_certain or Phase.INVOICE_MAP not in self._work.order.phases:
            return
        with self._lock:
            if self._begun is None:
                self._begun = self._work.client.list_invoices(pages_ahead=PAGES_AHEAD)
                self._begun.begin()

    def pages(self, offset: int, pages_ahead: int) -> Pages[Invoice]:
        """A walk from there."""
        if offset == 0 and self._begun is not None:
            return self._begun
        return self._work.client.list_invoices(offset=offset, pages_ahead=pages_ahead)

    def close(self) -> None:
        """What was begun and not wanted after all is waited for, and forgotten."""
        if self._begun is not None:
            self._begun.close()


@contextmanager
def invoice_list(work: Work) -> Generator[InvoiceList]:
    """Until the end of the block nothing of it is under way any more."""
    listed = InvoiceList(work)
    try:
        yield listed
    finally:
        listed.close()
