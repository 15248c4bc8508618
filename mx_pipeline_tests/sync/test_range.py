"""The payments of some days, in the merchant's own calendar, however long its days are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from mx_pipeline.synthetic_mx.faults_of_lists import NO_COUNT, Rows, View, pages_badly
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.sync.conftest import Clinic


def stored(clinic: Clinic) -> list[str]:
    rows = clinic.rows("SELECT created FROM mx.payments ORDER BY created")
    return [f"{created:%Y-%m-%dT%H:%M:%SZ}" for (created,) in rows]


@pytest.mark.parametrize(
    ("zone", "since", "until", "instants", "inside"),
    [
        # Chicago springs forward on 8 March 2026: 23 hours, from 06:00Z to 05:00Z.
        (
            "America/Chicago", date(2026, 3, 8), date(2026, 3, 9),
            ["2026-03-08T05:59:59Z", "2026-03-08T06:00:00Z", "2026-03-09T04:59:59Z", "2026-03-09T05:00:00Z"],
            ["2026-03-08T06:00:00Z", "2026-03-09T04:59:59Z"],
        ),
        # New York falls back on 1 November 2026: 25 hours, from 04:00Z to 05:00Z.
        (
            "America/New_York", date(2026, 11, 1), date(2026, 11, 2),
            ["2026-11-01T03:59:59Z", "2026-11-01T04:00:00Z", "2026-11-02T04:59:59Z", "2026-11-02T05:00:00Z"],
            ["2026-11-01T04:00:00Z", "2026-11-02T04:59:59Z"],
        ),
        (
            "America/Phoenix", date(2024, 2, 29), date(2024, 3, 1),
            ["2024-02-29T06:59:59Z", "2024-02-29T07:00:00Z", "2024-03-01T06:59:59Z", "2024-03-01T07:00:00Z"],
            ["2024-02-29T07:00:00Z", "2024-03-01T06:59:59Z"],
        ),
    ],
)  # fmt: skip
def test_d9_a_day_is_the_merchants_own(
    a_clinic: Callable[..., Clinic],
    zone: str,
    since: date,
    until: date,
    instants: list[str],
    inside: list[str],
) -> None:
    clinic = a_clinic(timezone=zone)
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "created": instant} for instant in instants))

    report = clinic.sync("range", since=since, until=until)

    assert report.outcome == "success", report.message
    assert stored(clinic) == inside
    assert report.certificates[0].scope == f"the payments from {since} until before {until}"


def test_d7_a_hundred_payments_in_the_second_at_the_edge(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(timezone="America/Chicago")
    before, edge = "2026-05-01T04:59:59Z", "2026-05-01T05:00:00Z"
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "created": before} for _ in range(100)))
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "created": edge} for _ in range(100)))
    clinic.mx.behaves(MERCHANT, payment_page_cap=30)

    clinic.sync("range", since=date(2026, 5, 1), until=date(2026, 5, 2))
    assert stored(clinic) == [edge] * 100
    clinic.sync("range", since=date(2026, 4, 30), until=date(2026, 5, 1))

    assert stored(clinic) == [before] * 100 + [edge] * 100


def test_old_days_are_found_by_halving_and_not_by_reading_everything(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=12_000)
    oldest = min(true["created"] for true in clinic.mx.truth(MERCHANT) if true["record"] == "payment")
    day = date.fromisoformat(oldest[:10])

    report = clinic.sync("range", since=day, until=date.fromordinal(day.toordinal() + 2))

    assert (
        report.stats["paymentPages"] <= 1 + 4 + 2
    )  # how many there are, log2(12 pages), the pages of the days
    assert report.stats["transactionsSynced"] == len(stored(clinic)) > 0


def test_open_ended_days(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(timezone="America/Chicago")
    instants = ["2026-01-01T12:00:00Z", "2026-02-01T12:00:00Z", "2026-03-01T12:00:00Z"]
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "created": instant} for instant in instants))

    clinic.sync("range", since=date(2026, 2, 1))
    assert stored(clinic) == instants[1:]
    clinic.sync("range", since=date(2026, 1, 1), until=date(2026, 2, 1))
    assert stored(clinic) == instants


@pytest.mark.parametrize(
    ("view", "count", "verdict"),
    [
        (lambda rows, _: rows, len, "agrees"),
        (lambda rows, _: rows[:2], len, "unproven"),
        (lambda rows, _: rows, lambda _: NO_COUNT, "unproven"),
        (lambda *_: [], lambda _: NO_COUNT, "unproven"),
    ],
    ids=["whole", "broke off", "no count", "empty, no count"],
)
def test_days_up_to_the_lists_end_are_proven_by_its_count_alone(
    a_clinic: Callable[..., Clinic], view: View, count: Callable[[Rows], object], verdict: str
) -> None:
    clinic = a_clinic(timezone="America/Chicago")
    instants = ["2026-01-01T12:00:00Z", "2026-02-01T12:00:00Z", "2026-03-01T12:00:00Z"]
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "created": instant} for instant in instants))
    clinic.mx.answers(pages_badly(clinic.mx, MERCHANT, view=view, record_count=count))

    report = clinic.sync("range", since=date(2026, 1, 1))

    assert report.certificates[0].verdict == verdict
    assert report.outcome == ("success" if verdict == "agrees" else "partial"), report.message
