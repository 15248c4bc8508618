"""Lists that change, repeat, hide or miscount while they are read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mx_pipeline.synthetic_mx import faults
from mx_pipeline.synthetic_mx.faults_of_lists import NO_COUNT, Rows, neighbours_swapped, pages_badly
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

PAGE = 40
PAYMENTS = 130
SAME_SECOND = "2026-03-08T05:59:59.5Z"


def paged(clinic: Clinic) -> Clinic:
    clinic.mx.behaves(MERCHANT, payment_page_cap=PAGE)
    return clinic


def held(clinic: Clinic) -> set[int]:
    rows = clinic.rows("SELECT mx_payment_id FROM mx.transactions WHERE merchant_id = :m", m=MERCHANT)
    assert len(rows) == len(set(rows)), "doubled"
    return {mx_id for (mx_id,) in rows}


def true_ids(clinic: Clinic) -> list[int]:
    """Newest first."""
    return [row["id"] for row in clinic.mx.whole_list(MERCHANT, "payments")]


@pytest.mark.parametrize("after_pages", [1, 2, 4])
def test_d1_payments_that_arrive_while_the_list_is_read_are_neither_missed_nor_doubled(
    examination: Examination, after_pages: int
) -> None:
    clinic = paged(examination.clinic(payments=PAYMENTS))
    arrive = faults.meanwhile(
        lambda: clinic.mx.receives(MERCHANT, payments=7), endpoint="payments", skip=after_pages - 1, times=1
    )
    clinic.mx.answers(arrive)

    report = examination.sync(clinic)

    assert report.outcome == "success", report.message
    # Those that come after the last page was answered are the next sync's.
    assert len(held(clinic)) == PAYMENTS + (7 if after_pages < 4 else 0)
    examination.heals(clinic)
    assert len(held(clinic)) == PAYMENTS + 7


@pytest.mark.parametrize("gone", [1, 5, PAGE])
def test_d2_rows_that_vanish_above_the_walk_hide_none_below_it(examination: Examination, gone: int) -> None:
    clinic = paged(examination.clinic(payments=PAYMENTS))
    top = true_ids(clinic)[:gone]
    clinic.mx.answers(
        faults.meanwhile(
            lambda: [clinic.mx.remove_payment(MERCHANT, each) for each in top],
            endpoint="payments",
            skip=1,
            times=1,
        )
    )

    report = examination.sync(clinic, calls_at_most=300)

    assert set(true_ids(clinic)) <= held(clinic)
    surplus = held(clinic) - set(true_ids(clinic))
    assert not surplus or report.outcome == "partial"
    examination.heals(clinic)


def test_d2_a_list_that_shrinks_at_every_page_ends_complete_or_says_so(examination: Examination) -> None:
    clinic = paged(examination.clinic(payments=300))

    def one_goes() -> None:
        clinic.mx.remove_payment(MERCHANT, true_ids(clinic)[0])

    clinic.mx.answers(faults.meanwhile(one_goes, endpoint="payments", times=14))

    report = examination.sync(clinic)

    missing = set(true_ids(clinic)) - held(clinic)
    assert not missing or report.outcome == "partial"
    examination.heals(clinic)


def test_d3_an_ignored_offset_is_seen_within_two_calls(examination: Examination) -> None:
    clinic = examination.clinic(payments=PAYMENTS)
    clinic.mx.answers(pages_badly(clinic.mx, MERCHANT, page_cap=PAGE, ignores_offset=True))

    report = examination.sync(clinic, calls_at_most=1 + 2)

    assert report.outcome == "failed"
    assert "MX ignores `offset`" in report.message
    assert len(held(clinic)) == PAGE
    examination.heals(clinic)


@pytest.mark.parametrize(
    "count",
    [
        lambda rows: len(rows) - 30,
        lambda rows: len(rows) + 30,
        lambda _: 0,
        lambda _: -5,
        lambda _: NO_COUNT,
        lambda _: None,
        lambda rows: f"{len(rows)} or so",
        lambda rows: len(rows) + 0.5,
    ],
    ids=["too small", "too large", "zero", "negative", "missing", "null", "text", "a fraction"],
)
def test_d4_a_false_record_count_hides_nothing_and_is_said(
    examination: Examination, count: Callable[[Rows], object]
) -> None:
    clinic = examination.clinic(payments=PAYMENTS)
    clinic.mx.answers(pages_badly(clinic.mx, MERCHANT, page_cap=PAGE, record_count=count))

    report = examination.sync(clinic)

    assert held(clinic) == set(true_ids(clinic))
    assert clinic.differences() == []
    told = f"{report.message} {[made.note for made in report.certificates]}"
    assert "recordCount" in told or "MX says" in told
    examination.heals(clinic)


def test_d5_a_page_smaller_than_asked_for_is_not_the_last_one(examination: Examination) -> None:
    clinic = examination.clinic(payments=PAYMENTS)
    clinic.mx.behaves(MERCHANT, payment_page_cap=33, invoice_page_cap=21)

    report = examination.sync(clinic)

    assert clinic.mx.call_count(MERCHANT, "payments") == 4
    examination.is_whole(clinic, report)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_d6_an_order_that_changes_between_calls_ends_complete_or_says_so(
    examination: Examination, seed: int
) -> None:
    clinic = examination.clinic(payments=PAYMENTS)
    clinic.mx.answers(
        pages_badly(clinic.mx, MERCHANT, page_cap=PAGE, view=neighbours_swapped(seed=seed, block=7))
    )

    report = examination.sync(clinic)

    missing = set(true_ids(clinic)) - held(clinic)
    assert not missing or report.outcome == "partial"
    assert report.stats["paymentPages"] <= 4 * 4  # type: ignore[operator]
    examination.heals(clinic)


@pytest.mark.parametrize("page", [30, 99, 100, 101])
def test_d7_a_hundred_payments_of_one_second_across_a_pages_edge(examination: Examination, page: int) -> None:
    clinic = examination.clinic()
    clinic.mx.has_payments(MERCHANT, *({"created": SAME_SECOND} for _ in range(100)))
    clinic.mx.has_payments(MERCHANT, {"created": "2026-03-08T05:59:58Z"}, {"created": "2026-03-08T06:00:00Z"})
    clinic.mx.behaves(MERCHANT, payment_page_cap=page)

    report = examination.sync(clinic)

    examination.is_whole(clinic, report)
    assert len(held(clinic)) == 102
