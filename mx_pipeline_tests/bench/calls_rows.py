"""API calls of a first load and of incremental syncs, against the fewest possible."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mx_pipeline_tests.bench.clinic import INVOICES_PER_PAGE, PAYMENTS_PER_PAGE, Clinic, Machine
from mx_pipeline_tests.bench.fewest import truth_of
from mx_pipeline_tests.bench.figures import TIMES, Figure
from mx_pipeline_tests.bench.sql import column

ROW = "calls"
MOST_RATIO = 1.02
MOST_CALLS_UNCHANGED = 2
NEW_OF_ALL, CHANGED_OF_ALL = 0.01, 0.02
IN_LOOK_BACK = "SELECT count(*) FROM {table} WHERE {created} >= now() - interval '7 days'"
NEWEST = "SELECT mx_payment_id FROM mx.payments WHERE type <> 'Return' ORDER BY created DESC LIMIT %s"


def calls_rows(machine: Machine, sizes: list[int]) -> Iterator[Figure]:
    for payments in sizes:
        with machine.clinic(payments) as clinic:
            before = truth_of(clinic)
            calls = _calls(clinic, "full")
            yield _against(calls, before.first_load, f"API calls of a first load, {payments:,} payments")

            calls = _calls(clinic, "incremental")
            yield Figure(
                ROW,
                f"API calls of an incremental sync, {payments:,} payments, nothing changed",
                sum(calls.values()),
                "calls",
                MOST_CALLS_UNCHANGED,
                beside=calls,
            )

            _news(clinic)
            calls = _calls(clinic, "incremental")
            fewest = _pages_in_look_back(clinic) + truth_of(clinic).more_than(before)
            yield _against(
                calls,
                fewest,
                f"API calls of an incremental sync, {payments:,} payments, 1 % new and 2 % changed",
            )


def _calls(clinic: Clinic, mode: str) -> dict[str, int]:
    """Counted by the vendor."""
    clinic.mx.reset_calls()
    clinic.sync(mode)
    return clinic.mx.call_counts(clinic.merchant_id)


def _against(calls: dict[str, int], fewest: int, what: str) -> Figure:
    made = sum(calls.values())
    return Figure(
        ROW, what, made / fewest, TIMES, MOST_RATIO, beside={**calls, "made": made, "fewest": fewest}
    )


def _news(clinic: Clinic) -> None:
    for payment_id in column(clinic.database_url, NEWEST, round(clinic.payments * CHANGED_OF_ALL)):
        clinic.mx.change_payment(clinic.merchant_id, payment_id, refundedAmount="1.00")
    clinic.mx.receives(clinic.merchant_id, payments=round(clinic.payments * NEW_OF_ALL))


def _pages_in_look_back(clinic: Clinic) -> int:
    """What is young enough to be read again, of both lists."""
    payments = clinic.held(IN_LOOK_BACK.format(table="mx.payments", created="created"))
    invoices = clinic.held(IN_LOOK_BACK.format(table="mx.invoice_documents", created="api_created"))
    return max(1, math.ceil(payments / PAYMENTS_PER_PAGE)) + max(1, math.ceil(invoices / INVOICES_PER_PAGE))
