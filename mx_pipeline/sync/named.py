"""Fetches what notifications name, and nothing else: a call for each record, one more for an invoice that is new."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Generic

from mx_pipeline.errors import MxNotFound
from mx_pipeline.sync.details import read_details
from mx_pipeline.sync.enrichment import enrich
from mx_pipeline.sync.fetching import to_the_end
from mx_pipeline.sync.invoice_flight import InvoiceFlight
from mx_pipeline.sync.landing import D, Fetched, is_unanswered
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.single import INVOICE_PAGES, PAYMENT_PAGES, SingleStream
from mx_pipeline.sync.work import Work
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.webhook_inbox import Handled, Named, close_named, take_named, unknown_here

MOST_NAMED_IN_AN_EVENT = 10
ACTOR = "process:webhook"

logger = logging.getLogger(__name__)


@dataclass
class _Asked(Generic[D]):
    """One stream's records that notifications name, and what came of those that did not come."""

    stream: SingleStream[D]
    named: Sequence[int]
    strange: frozenset[int]
    """We never held these."""
    denied: list[int] = field(default_factory=list[int])
    """MX does not show them to this merchant's key, and we never held them: rejected, not set aside."""
    unanswered: list[int] = field(default_factory=list[int])
    """MX gave no answer: asked again, later each time."""

    def read(self, work: Work, phase: Phase) -> None:
        """Ask for each, whatever is known of it already."""
        if not self.named:
            return
        flight = self.stream.flight(work)
        flight.ask(self.named)
        self.stream.write_all(work, self._shown(to_the_end(flight)), phase)
        for mx_id in self.unanswered:
            work.note(f"{self.stream.stream} {mx_id} not answered; it is asked for again")

    @property
    def came(self) -> list[int]:
        """The others."""
        missing = {*self.denied, *self.unanswered}
        return [mx_id for mx_id in self.named if mx_id not in missing]

    def _shown(self, batches: Generator[Sequence[Fetched[D]]]) -> Generator[Sequence[Fetched[D]]]:
        with closing(batches):
            for batch in batches:
                if kept := [fetched for fetched in batch if self._is_an_answer(fetched)]:
                    yield kept

    def _is_an_answer(self, fetched: Fetched[D]) -> bool:
        if is_unanswered(fetched):
            self.unanswered.append(fetched.mx_id)
            return False
        if fetched.mx_id in self.strange and isinstance(fetched.trouble, MxNotFound):
            self.denied.append(fetched.mx_id)
            return False
        return True


def sync_named(work: Work, invoices: InvoiceFlight) -> None:
    """Take what is due of the merchant's inbox, ask MX for it, and say of each notification how it ended."""
    named, strange = work.commit(lambda tenant: _taken(tenant, work.run_id))
    of_payments = _Asked(PAYMENT_PAGES, named.payments, frozenset(strange.payments))
    of_invoices = _Asked(INVOICE_PAGES, named.invoices, frozenset(strange.invoices))
    with work.phase(Phase.PAYMENTS):
        of_payments.read(work, Phase.PAYMENTS)
        work.payments.met.add(of_payments.came)
        work.payments.distinct = len(of_payments.came)
    with work.phase(Phase.INVOICE_MAP):
        pass  # a payment's own page names its invoices
    with work.phase(Phase.INVOICE_DETAILS):
        of_invoices.read(work, Phase.INVOICE_DETAILS)
        read_details(work, invoices)
    with work.phase(Phase.ENRICHED_TRANSACTIONS):
        enrich(work)
    denied = Named(of_payments.denied, of_invoices.denied)
    unanswered = Named(of_payments.unanswered, of_invoices.unanswered)
    if work.commit(lambda tenant: _closed(tenant, work.run_id, denied, unanswered)):
        whose = {"merchant_id": work.order.merchant_id, "run_id": work.run_id}
        logger.warning("notifications named what is not this merchant's", extra=whose)


def _taken(tenant: Tenant, run_id: int) -> tuple[Named, Named]:
    named = take_named(tenant, run_id=run_id)
    return named, unknown_here(tenant, named)


def _closed(tenant: Tenant, run_id: int, denied: Named, unanswered: Named) -> bool:
    """Is there an alarm? Then with an event: somebody has a key of ours, and rings with what is not the merchant's."""
    handled = close_named(tenant, run_id=run_id, denied=denied, unanswered=unanswered)
    suspects = [one for one in handled if one.outcome == "rejected" or one.names_another]
    if suspects:
        subject = f"run {run_id}"
        record(tenant, actor=ACTOR, action="webhook.rejected", subject=subject, detail=_told(suspects))
    return bool(suspects)


def _told(suspects: Sequence[Handled]) -> dict[str, object]:
    return {
        "notifications": len(suspects),
        "names_another_merchant": sum(one.names_another for one in suspects),
        "not_shown_to_this_key": sum(one.outcome == "rejected" for one in suspects),
        "names": sorted({one.names for one in suspects})[:MOST_NAMED_IN_AN_EVENT],
    }
