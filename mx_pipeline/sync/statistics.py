"""The numbers of a sync: the source document's names, always all of them, and what they leave out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mx_pipeline.sync.oddities import oddities
from mx_pipeline.sync.orders import Phase, Stat
from mx_pipeline.sync.work import Facts, Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import enriched_facts, unlinked_reasons


def statistics(work: Work) -> dict[str, Stat]:
    """Counts over the payments that this sync speaks of, and over the work that it took."""
    facts, reasons = work.facts or work.commit(lambda tenant: facts_of(tenant, work))
    payments = work.payments.distinct
    rows = [work.phases_done.get(phase, {}) for phase in Phase]
    return {
        "transactionsSynced": payments,
        "invoicesLinked": facts.invoices,
        "transactionsWithProducts": facts.with_products,
        "transactionsLinkedToInvoices": facts.linked,
        "apiCalls": work.calls.total,
        "efficiency": round(work.calls.total / payments, 4) if payments else 0.0,
        "linkRate": _rate(facts.with_reference_linked, facts.with_reference),
        "transactionsStored": facts.payments,
        "transactionsStandalone": facts.standalone,
        "transactionsUnlinked": facts.unlinked,
        "unlinkedReasons": reasons,
        "inserted": _sum(rows, "inserted"),
        "updated": _sum(rows, "updated"),
        "unchanged": _sum(rows, "unchanged"),
        "quarantined": work.refused,
        "paymentPages": work.calls.to("payment_list"),
        "invoicePages": work.calls.to("invoice_list"),
        "invoiceDetails": work.details["invoice_details"],
        "paymentDetails": work.details["payment_details"],
        "fewestCalls": _fewest_calls(work),
        "secondsByPhase": dict(work.seconds),
        **oddities(work),
    }


def facts_of(tenant: Tenant, work: Work) -> Facts:
    """Of the payments that were met; nothing of it changes after their certificate."""
    return enriched_facts(tenant, work.met), unlinked_reasons(tenant, work.met)


def _fewest_calls(work: Work) -> int:
    """Pages and details that this sync cannot do without; what was tried again is not among them."""
    outcomes = work.calls.calls.items()
    pages = sum(n for (to, outcome), n in outcomes if to.endswith("_list") and outcome == "ok")
    return pages + work.details["invoice_details"]


def _sum(rows: Sequence[Mapping[str, Stat]], name: str) -> int:
    return sum(value for row in rows if isinstance(value := row.get(name, 0), int))


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0
