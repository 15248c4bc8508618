"""Where a payment's row comes from: runs, changes, links and lines, read from what every sync leaves anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from mx_pipeline.warehouse.connections import Session, Tenant

Row: TypeAlias = Mapping[str, Any]

WENT_TO_ITS_END = frozenset({"success", "partial"})


@dataclass(frozen=True)
class Trace:
    """One payment of one merchant; rows as `sql/trace.sql` names their columns."""

    merchant_id: int
    payment_id: int
    payment: Row | None
    """None where it could never be taken in."""
    set_aside: Sequence[Row]
    """In quarantine, now or once."""
    history: Sequence[Row] = ()
    runs: Mapping[datetime, Row] = field(default_factory=dict[datetime, Row])
    """Which run wrote at the moments when the payment was first seen, changed, or vanished."""
    pages: Mapping[int, Sequence[Row]] = field(default_factory=dict[int, Sequence[Row]])
    """Of those runs that stopped before their end: the pages that they kept."""
    invoices: Sequence[Row] = ()
    evidence: Row | None = None
    lines: Sequence[Row] = ()
    categories: Sequence[Row] = ()
    """Each change of its category, oldest first."""


def merchants_having(session: Session, merchants: Sequence[int], payment_id: int) -> Sequence[int]:
    """Those of these merchants that have such a payment, as far as the person sees; in one look."""
    return session.column("trace", "merchants_having", merchants=list(merchants), payment_id=payment_id)


def trace(tenant: Tenant, payment_id: int) -> Trace:
    """Everything that is known of how the payment came to be as it is."""

    def rows(name: str) -> list[Row]:
        return [dict(row) for row in tenant.run("trace", name, payment_id=payment_id).mappings()]

    found, set_aside = rows("payment"), rows("set_aside")
    if not found:
        return Trace(tenant.merchant_id, payment_id, None, set_aside)
    (payment,), history = found, rows("history")
    moments = {payment["first_seen_at"], *(change["changed_at"] for change in history)}
    runs = _runs_at(tenant, sorted(moments | ({payment["vanished_at"]} - {None})))
    return Trace(
        tenant.merchant_id,
        payment_id,
        payment,
        set_aside,
        history=history,
        runs=runs,
        pages={run["run_id"]: _pages_kept(tenant, payment_id, run) for run in runs.values() if _stopped(run)},
        invoices=rows("invoices"),
        evidence=next(iter(rows("evidence")), None),
        lines=rows("lines"),
        categories=rows("categories"),
    )


def _runs_at(tenant: Tenant, moments: Sequence[datetime]) -> dict[datetime, Row]:
    return {row["at"]: dict(row) for row in tenant.run("trace", "runs_at", moments=list(moments)).mappings()}


def _stopped(run: Row) -> bool:
    return run["finished_at"] is not None and run["outcome"] not in WENT_TO_ITS_END


def _pages_kept(tenant: Tenant, payment_id: int, run: Row) -> list[Row]:
    kept = tenant.run("trace", "pages_kept", payment_id=payment_id, started_at=run["started_at"])
    return [dict(row) for row in kept.mappings()]
