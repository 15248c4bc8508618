"""Erases a merchant: all its rows in all tables, its sealed key last; what was done with it stays in the audit log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter
from typing import Any

from psycopg2 import sql

from mx_pipeline.warehouse.administering import as_owner
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Session, Tenant
from mx_pipeline.warehouse.logins import Logins
from mx_pipeline.warehouse.merchants import unknown
from mx_pipeline.warehouse.refusals import translated

CONFIGURATION = "mx_merchant_configs"
ROWS_AT_ONCE = 5_000
"""So that no lock is held for longer than a moment, however large the merchant is."""


@dataclass(frozen=True)
class Removed:
    """The certificate: what was erased, when, by whom, and the last link of the chain that is kept."""

    merchant_id: int
    at: datetime
    actor: str
    rows: dict[str, int]
    entry: int
    hash: str
    """In hex."""


def name_of(logins: Logins, merchant_id: int) -> str:
    """What a person types to confirm. Raises UnknownMerchant."""
    with as_owner(logins) as session:
        name = session.run("merchants", "merchant", merchant_id=merchant_id).one_or_none()
    if name is None:
        raise unknown(merchant_id)
    return name.name


def remove(logins: Logins, merchant_id: int, *, actor: str, rows_at_once: int = ROWS_AT_ONCE) -> Removed:
    """Stop its syncs, erase it batch by batch, and prove it. Raises UnknownMerchant, WarehouseError.

    Where it breaks off, the merchant is stopped and partly erased; the same again goes on.
    """
    with as_owner(logins) as session:
        if session.run("removal", "stop_for_good", merchant_id=merchant_id).one_or_none() is None:
            raise unknown(merchant_id)
        record(
            _inside(session, merchant_id), actor=actor, action="merchant.paused", detail={"for": "removal"}
        )
        tables = _children_first(session)
    erased: Counter[str] = Counter()
    for table in tables:
        while table != CONFIGURATION:
            with as_owner(logins) as session:
                rows = _erase(session, table, merchant_id, rows_at_once)
            erased[table] += rows
            if rows < rows_at_once:
                break
    with as_owner(logins) as session:
        session.run("removal", "hold", merchant_id=merchant_id)
        # Somebody may have resumed it meanwhile. From here on nobody writes.
        for table in tables:
            while rows := _erase(session, table, merchant_id, rows_at_once):
                erased[table] += rows
        tenant = _inside(session, merchant_id)
        record(tenant, actor=actor, action="merchant.removed", detail={"rows": dict(erased)})
        last = tenant.one("removal", "last_entry")
    return Removed(merchant_id, last.at, actor, dict(erased), last.entry, bytes(last.hash).hex())


def _inside(session: Session, merchant_id: int) -> Tenant:
    return Tenant(session.connection, merchant_id)


def _children_first(session: Session) -> Sequence[str]:
    """From the catalogue, so that a table that is made tomorrow is not forgotten; nothing is left dangling."""
    tables = set(session.column("removal", "tenant_tables"))
    order = TopologicalSorter[str]({table: set() for table in tables})
    for reference in session.run("removal", "references"):
        if {reference.child, reference.parent} <= tables:
            order.add(reference.parent, reference.child)
    return list(order.static_order())


def _erase(session: Session, table: str, merchant_id: int, most: int) -> int:
    """One batch; how many rows it was. The name comes from the catalogue, and is quoted by the driver."""
    driver: Any = session.connection.connection.driver_connection
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = ANY (ARRAY"
        " (SELECT ctid FROM {table} WHERE merchant_id = {merchant} LIMIT {most}))"
    ).format(table=sql.Identifier("mx", table), merchant=sql.Literal(merchant_id), most=sql.Literal(most))
    with translated():
        connection = session.connection.execution_options(no_parameters=True)
        return connection.exec_driver_sql(statement.as_string(driver)).rowcount
