"""Rows per second into the warehouse, against raw COPY into the same indexed tables."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from statistics import median

import msgspec

from mx_pipeline.mx_api.client import MxClient
from mx_pipeline.records import Payment
from mx_pipeline.warehouse.loading import load_payments
from mx_pipeline_tests.bench.clinic import Clinic, Machine
from mx_pipeline_tests.bench.figures import Figure
from mx_pipeline_tests.bench.sql import cursor_at

LEAST_OF_COPY = 50
ROWS_PER_PAGE = 1_000
TABLES = ("payments", "payment_people")
COLUMNS = (
    "SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) FROM information_schema.columns"
    " WHERE table_schema = 'mx' AND table_name = %s AND is_generated = 'NEVER'"
)

Pages = Sequence[tuple[Payment, ...]]


def load_rows(machine: Machine, payments: int, runs: int) -> Iterator[Figure]:
    with machine.clinic(payments) as clinic:
        pages = pages_of(clinic)
        changed = [
            tuple(msgspec.structs.replace(each, refunded_amount=each.amount) for each in page)
            for page in pages
        ]
        took: dict[str, list[float]] = {"COPY": [], "fresh": [], "unchanged": [], "changed": []}
        for _ in range(runs):
            clinic.forget()
            took["fresh"].append(load(clinic, pages))
            took["unchanged"].append(load(clinic, pages))
            took["changed"].append(load(clinic, changed))
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


def pages_of(clinic: Clinic) -> Pages:
    key, secret = clinic.key
    with MxClient(
        base_url=clinic.mx.url, consumer_key=key, consumer_secret=secret, merchant_id=clinic.merchant_id
    ) as client:
        return [page.records for page in client.list_payments(page_size=ROWS_PER_PAGE)]


def load(clinic: Clinic, pages: Pages) -> float:
    began = time.monotonic()
    for page in pages:
        with clinic.warehouse.loader.merchant(clinic.merchant_id) as tenant:
            load_payments(tenant, page, observed_at=datetime.now(UTC))
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
