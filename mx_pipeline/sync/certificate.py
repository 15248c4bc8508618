"""Phase 6: the proof. What the source says it has, against what we hold, with scope and basis named."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

from mx_pipeline.sync.orders import Certificate
from mx_pipeline.sync.work import ListRead, Work
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.deriving import invoices_to_fetch

MOST_IDS_NAMED = 1000


def certify(work: Work) -> None:
    """Compare, and keep a certificate for each stream. It reports; it does not heal."""

    def write(tenant: Tenant) -> tuple[Certificate, ...]:
        made = (_payments(work, tenant), _invoices(work, tenant))
        for certificate in made:
            _keep(tenant, work.run_id, certificate)
        return made

    for certificate in work.commit(write):
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
    read = work.payments
    if work.order.mode == "latest":
        promised = min(work.order.latest or 0, _count_or(read.record_count, read.distinct))
        held = tenant.one("payments", "payments_held", ids=read.ids)
        return _compared("payments", work.order.scope, "enumerated", promised, read.total, held, read, ())
    if read.is_read_to_end:
        return _enumerated(tenant, "payments", work.order.scope, read, "payments_held", "payment_ids_held")
    held = tenant.one("payments", "payments_held", ids=None)
    return _compared("payments", work.order.scope, "count", read.record_count, None, held, read, ())


def _invoices(work: Work, tenant: Tenant) -> Certificate:
    read = work.invoices
    if read.is_read_to_end and work.order.mode == "full":
        return _enumerated(tenant, "invoices", "all invoices", read, "invoices_held", "invoice_ids_held")
    missing = invoices_to_fetch(tenant, work.scope)
    linked = tenant.one("links", "enriched_facts", ids=work.scope).invoices
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


def _enumerated(
    tenant: Tenant,
    stream: Literal["payments", "invoices"],
    scope: str,
    read: ListRead,
    held_statement: str,
    ids_statement: str,
) -> Certificate:
    held = tenant.one(stream, held_statement, ids=None)
    surplus: tuple[int, ...] = ()
    if held.held != len(read.ids):
        surplus = tuple(sorted(set(tenant.column(stream, ids_statement)) - set(read.ids)))
    return _compared(stream, scope, "enumerated", read.record_count, read.total, held, read, surplus)


def _compared(
    stream: Literal["payments", "invoices"],
    scope: str,
    basis: Literal["count", "enumerated"],
    source_count: int | None,
    source_sum: Decimal | None,
    held: Any,
    read: ListRead,
    surplus: tuple[int, ...],
) -> Certificate:
    verdict: Literal["agrees", "differs", "unproven"] = "agrees"
    note = None
    if source_count is None:
        verdict, note = "unproven", "MX told no believable recordCount, so nothing proves that all was read"
    elif source_count != held.held:
        verdict, note = (
            "differs",
            f"MX says {source_count}, we hold {held.held}"
            + (f", {len(surplus)} of them no longer listed" if surplus else ""),
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
        surplus_ids=surplus[:MOST_IDS_NAMED],
        note=note,
    )


def _count_or(told: int | None, otherwise: int) -> int:
    return otherwise if told is None else told
