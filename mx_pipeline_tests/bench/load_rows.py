"""Rows per second into the warehouse, against raw COPY into the same indexed tables; and what the policies cost."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any

import msgspec
from sqlalchemy import text

from mx_pipeline.access import OPERATOR
from mx_pipeline.mx_api.client import MxClient
from mx_pipeline.records import Payment
from mx_pipeline.warehouse.loading import load_payments
from mx_pipeline_tests.bench.clinic import Clinic, Machine
from mx_pipeline_tests.bench.figures import TIMES, Figure
from mx_pipeline_tests.bench.sql import column, cursor_at, run

LEAST_OF_COPY, MOST_OF_POLICIES = 50, 1.05
ROWS_PER_PAGE = 1_000
TABLES = ("payments", "payment_people")
COLUMNS = (
    "SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) FROM information_schema.columns"
    " WHERE table_schema = 'mx' AND table_name = %s AND is_generated = 'NEVER'"
)
UNPROTECTED = (
    "SELECT format('ALTER TABLE mx.%%I DISABLE ROW LEVEL SECURITY', tablename)"
    " FROM pg_tables WHERE schemaname = %s"
)
NEWEST = (
    "SELECT mx_payment_id, amount, status, product_name, customer_name FROM mx.transactions"
    " ORDER BY transaction_date DESC, mx_payment_id DESC LIMIT 100"
)
READS = (
    NEWEST,
    "SELECT status, count(*), sum(amount) FROM mx.transactions GROUP BY status",
)
READS_PER_RUN = 10

Pages = Sequence[tuple[Payment, ...]]


def load_rows(machine: Machine, payments: int, runs: int) -> Iterator[Figure]:
    with machine.clinic(payments) as clinic:
        pages = _pages(clinic)
        changed = [
            tuple(msgspec.structs.replace(each, refunded_amount=each.amount) for each in page)
            for page in pages
        ]
        took: dict[str, list[float]] = {"COPY": [], "fresh": [], "unchanged": [], "changed": []}
        for _ in range(runs):
            clinic.forget()
            took["fresh"].append(_load(clinic, pages))
            took["unchanged"].append(_load(clinic, pages))
            took["changed"].append(_load(clinic, changed))
            took["COPY"].append(_copy_again(clinic))
    rows_per_second = {way: payments / median(seconds) for way, seconds in took.items()}
    for way in ("fresh", "unchanged", "changed"):
        yield Figure(
            "load",
            f"warehouse load of {way} payments, of raw COPY into the same indexed tables",
            100 * rows_per_second[way] / rows_per_second["COPY"],
            "%",
            LEAST_OF_COPY,
            is_least=True,
            beside={"rows_per_second": rows_per_second[way], "copy": rows_per_second["COPY"], "runs": runs},
        )


def policy_rows(machine: Machine, payments: int, runs: int) -> Iterator[Figure]:
    """The same work on two warehouses that differ in their policies only, in turns."""
    with machine.clinic(payments) as guarded, machine.clinic(payments) as open_to_all:
        for statement in column(open_to_all.database_url, UNPROTECTED, "mx"):
            run(open_to_all.database_url, statement)
        loads, reads = _Turns(guarded, open_to_all), _Turns(guarded, open_to_all)
        pages = {clinic.merchant_id: _pages(clinic) for clinic in (guarded, open_to_all)}
        for _ in range(runs):
            for clinic in (guarded, open_to_all):
                clinic.forget()
            loads.take(lambda clinic: _load(clinic, pages[clinic.merchant_id]))
            reads.take(_read)
    yield Figure("rls", "loading under row-level security, of the same without", loads.ratio, TIMES, MOST_OF_POLICIES,
                 beside=loads.told())  # fmt: skip
    yield Figure("rls", "tenant reads under row-level security, of the same without", reads.ratio, TIMES,
                 MOST_OF_POLICIES, beside=reads.told())  # fmt: skip


class _Turns:
    """Seconds of one work on both, pair by pair; the order changes with every pair."""

    def __init__(self, guarded: Clinic, open_to_all: Clinic) -> None:
        self._clinics = [guarded, open_to_all]
        self._took: dict[int, list[float]] = {guarded.merchant_id: [], open_to_all.merchant_id: []}

    def take(self, work: Callable[[Clinic], float]) -> None:
        odd = len(self._took[self._clinics[0].merchant_id]) % 2
        for clinic in self._clinics[:: -1 if odd else 1]:
            self._took[clinic.merchant_id].append(work(clinic))

    @property
    def ratio(self) -> float:
        guarded, open_to_all = self._took.values()
        return median(a / b for a, b in zip(guarded, open_to_all, strict=True))

    def told(self) -> dict[str, Any]:
        guarded, open_to_all = self._took.values()
        return {"seconds": median(guarded), "seconds_without": median(open_to_all), "runs": len(guarded)}


def _pages(clinic: Clinic) -> Pages:
    key, secret = clinic.key
    with MxClient(
        base_url=clinic.mx.url, consumer_key=key, consumer_secret=secret, merchant_id=clinic.merchant_id
    ) as client:
        return [page.records for page in client.list_payments(page_size=ROWS_PER_PAGE)]


def _load(clinic: Clinic, pages: Pages) -> float:
    began = time.monotonic()
    for page in pages:
        with clinic.warehouse.loader.merchant(clinic.merchant_id) as tenant:
            load_payments(tenant, page, observed_at=datetime.now(UTC))
    return time.monotonic() - began


def _read(clinic: Clinic) -> float:
    began = time.monotonic()
    for _ in range(READS_PER_RUN):
        with clinic.warehouse.app.merchant(clinic.merchant_id, person=OPERATOR) as tenant:
            for statement in READS:
                tenant.connection.execute(text(statement)).all()
    return time.monotonic() - began


def _copy_again(clinic: Clinic) -> float:
    """What is stored, put into the emptied tables by their superuser, in transactions of a page each."""
    kept: list[tuple[str, list[str]]] = []
    with cursor_at(clinic.database_url) as cursor:
        for table in TABLES:
            cursor.execute(COLUMNS, (table,))
            columns = cursor.fetchone()[0]
            rows = io.StringIO()
            cursor.copy_expert(f"COPY (SELECT {columns} FROM mx.{table} ORDER BY 2) TO STDOUT", rows)
            kept.append(
                (f"COPY mx.{table} ({columns}) FROM STDIN", rows.getvalue().splitlines(keepends=True))
            )
    clinic.forget()
    began = time.monotonic()
    for start in range(0, len(kept[0][1]), ROWS_PER_PAGE):
        with cursor_at(clinic.database_url) as cursor:
            for copy, lines in kept:
                cursor.copy_expert(copy, io.StringIO("".join(lines[start : start + ROWS_PER_PAGE])))
    return time.monotonic() - began
