"""Phase 6: the proof. What the source says it has, against what we hold, with scope and basis named."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

from mx_pipeline.sync.further import read_further
from mx_pipeline.sync.orders import Certificate
from mx_pipeline.sync.statistics import facts_of
from mx_pipeline.sync.unlisted import unlisted
from mx_pipeline.sync.work import Facts, ListRead, Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import bigints, enriched_facts, invoices_to_fetch

MOST_IDS_NAMED = 1000


def certify(work: Work) -> None:
    """Compare, and keep a certificate for each stream. It reports; it does not heal."""

    further = read_further(work) if work.payments.is_read_to_end else ()

    def write(tenant: Tenant) -> tuple[tuple[Certificate, ...], Facts]:
        # First, while a few payments are still looked up one by one: to count all of them forbids that.
        facts = facts_of(tenant, work)
        made = (_none_out_of_date(tenant, _payments(work, tenant)), _invoices(work, tenant), *further)
        for certificate in made:
            _keep(tenant, work.run_id, certificate)
        return made, facts

    made, work.facts = work.commit(write)
    for certificate in made:
        work.certificates.append(certificate)
        if certificate.verdict != "agrees":
            work.note(f"{certificate.stream}: {certificate.note}")


def _keep(tenant: Tenant, run_id: int, made: Certificate) -> None:
    tenant.run(
        "sync",
        "certify",
        run_id=run_id,
        stream=made.stream,
        scope=made.scope,
        basis=made.basis,
        verdict=made.verdict,
        source_count=made.source_count,
        our_count=made.our_count,
        source_sum=made.source_sum,
        our_sum=made.our_sum,
        missing_ids=list(made.missing_ids),
        surplus_ids=list(made.surplus_ids),
        note=made.note,
    )


def _payments(work: Work, tenant: Tenant) -> Certificate:
    read, order = work.payments, work.order
    if order.mode == "range":
        return _range(work, tenant)
    if order.mode == "latest":
        expected = min(order.latest or 0, read.distinct if read.record_count is None else read.record_count)
        held = tenant.one("payments", "payments_held", ids=bigints(read.met))
        return _compared("payments", order.scope, "enumerated", expected, read.total, held, read)
    held = tenant.one("payments", "payments_held", ids=None)
    aside = tuple(sorted(mx_id for mx_id in tenant.column("payments", "payments_set_aside") if mx_id))
    if not read.is_read_to_end or read.is_resumed:
        return _compared("payments", order.scope, "count", read.record_count, None, held, read, aside)
    if read.is_twice_the_same and held.held + len(aside) == read.distinct != read.record_count:
        note = f"MX's recordCount says {read.record_count}, and two complete reads met {read.distinct} each"
        certificate = _compared(
            "payments", order.scope, "enumerated", read.distinct, read.total, held, read, aside
        )
        return replace(certificate, note=certificate.note or note)
    return _compared("payments", order.scope, "enumerated", read.record_count, read.total, held, read, aside)


def _none_out_of_date(tenant: Tenant, made: Certificate) -> Certificate:
    """A payment whose latest row is set aside counts, and is not what MX says it is."""
    stale = tenant.column("payments", "payments_out_of_date")
    if not stale:
        return made
    note = f"{len(stale)} payments are here as they were, for their latest rows are set aside in quarantine"
    missing = sorted({*made.missing_ids, *stale})[:MOST_IDS_NAMED]
    return replace(
        made,
        verdict="differs",
        missing_ids=tuple(missing),
        note=f"{made.note}; {note}" if made.note else note,
    )


def _range(work: Work, tenant: Tenant) -> Certificate:
    read = work.payments
    since, until = work.order.bounds
    held = tenant.one("payments", "payments_held", ids=bigints(read.met))
    certificate = _compared("payments", work.order.scope, "enumerated", read.distinct, read.total, held, read)
    surplus = unlisted(tenant, "payments", "payments_of_days", read, since=since, until=until)
    if surplus:
        note = f"we hold {len(surplus)} payments of these days that MX does not list"
        return replace(certificate, verdict="differs", surplus_ids=tuple(surplus[:MOST_IDS_NAMED]), note=note)
    if not read.has_older_row and certificate.verdict == "agrees":
        return replace(
            certificate,
            verdict="unproven",
            note="no older payment proves that the days were read to their end",
        )
    return certificate


def _invoices(work: Work, tenant: Tenant) -> Certificate:
    read = work.invoices
    if work.order.mode == "full" and read.is_read_to_end and not read.is_resumed:
        if read.distinct == read.record_count:
            gone = unlisted(tenant, "invoices", "invoice_ids_held", read)
            tenant.run("invoices", "invoices_vanished", ids=bigints(gone))
        held = tenant.one("invoices", "invoices_held", ids=None)
        return _compared("invoices", "all invoices", "enumerated", read.record_count, read.total, held, read)
    missing = invoices_to_fetch(tenant, work.scope)
    linked = enriched_facts(tenant, work.scope).invoices
    return Certificate(
        stream="invoices",
        scope=f"the invoices of {work.order.scope}",
        basis="count",
        verdict="differs" if missing else "agrees",
        source_count=linked + len(missing),
        our_count=linked,
        missing_ids=tuple(missing[:MOST_IDS_NAMED]),
        note=f"{len(missing)} invoices that payments name could not be read" if missing else None,
    )


def _compared(  # one line per side of the comparison
    stream: Literal["payments", "invoices"],
    scope: str,
    basis: Literal["count", "enumerated"],
    source_count: int | None,
    source_sum: Decimal | None,
    held: Any,
    read: ListRead,
    aside: tuple[int, ...] = (),
) -> Certificate:
    verdict: Literal["agrees", "differs", "unproven"] = "agrees"
    note = None
    if source_count is None:
        verdict, note = "unproven", "MX told no believable recordCount, so nothing proves that all was read"
    elif source_count != held.held:
        verdict, note = (
            "differs",
            f"MX says {source_count}, we hold {held.held}"
            + (f", and {len(aside)} are set aside in quarantine" if aside else ""),
        )
    elif source_sum is not None and source_sum != held.total:
        verdict, note = "differs", f"the sums differ: MX {source_sum}, ours {held.total}"
    elif basis == "enumerated" and read.distinct != source_count:
        verdict, note = "differs", f"MX says {source_count}, and {read.distinct} came"
    return Certificate(
        stream=stream,
        scope=scope,
        basis=basis,
        verdict=verdict,
        source_count=source_count,
        our_count=held.held,
        source_sum=None if source_sum is None else str(source_sum),
        our_sum=None if source_sum is None else str(held.total),
        missing_ids=aside[:MOST_IDS_NAMED],
        note=note,
    )
