"""
What is unlike this merchant: each finding is a card with the figures behind it.

A day is compared with the median of the same weekday of the twelve weeks before it; how far days stray is the median
absolute deviation over all of them. Thresholds are chosen so that a quiet year of any merchant stays silent (a test
draws such years).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import pandas as pd

from mx_pipeline.warehouse.holidays import is_holiday
from mx_pipeline.warehouse.usual import (
    A_WEEK,
    WEEKS,
    YOUNG_DAYS,
    Card,
    Days,
    Severity,
    every_day,
    median_of,
    stray_of,
    usual_of,
    weeks_before,
)

FEWEST_EXPECTED = 10
"""Payments that were to be expected where there was none: chance leaves out so many once in 20,000 times."""
LONG_DAYS = 3
FEWEST_SALES = 8
"""Fewer have no average worth comparing."""
FEW_SALES = 4
"""An average of n sales strays by so many n-ths more than the robust figure tells: tickets have a long tail."""
FEWEST_REFUNDS, MANY_REFUNDS = 4, 10
FEWEST_DECLINED, MANY_DECLINED = 5, 20
FEWEST_UNRUNG = 5
FAR = 6.0
"""Robust standard deviations."""
SMALLEST_JUMP = 1.5
SMALLEST_STRAY = 0.06
"""Of a logarithm: however alike the averages of twelve weeks are, 6 % more is nothing."""
MOST_NAMED = 5
LARGE_SHARE, HALF = 0.3, 0.5


def anomalies(daily: pd.DataFrame, today: date) -> list[Card]:
    """What was unusual on the day before `today`.

    `daily` has a row per day, indexed by day, and the columns payments, declined, refunds, refunded, sales, sold, rung
    and new_products (a tuple of names); days without a payment may be missing.
    """
    last = today - timedelta(days=1)
    known = daily[daily.index <= last]
    if known.empty or last - known.index[0] < timedelta(days=YOUNG_DAYS):
        return []
    days = every_day(known, last)
    judges = (_no_rows, _refunds, _tickets, _declines, _quiet_webhooks, _new_products)
    return [card for judge in judges for card in judge(days)]


def _no_rows(days: Days) -> Iterator[Card]:
    payments = days.figures["payments"]
    missed, expected = list[date](), 0.0
    for back in range(min(YOUNG_DAYS, len(payments) - 1)):
        if payments[-1 - back] > 0:
            break
        usual = usual_of(payments, back)
        if usual > 0 and not is_holiday(days.day(back)):
            missed.append(days.day(back))
            expected += usual
    if expected < FEWEST_EXPECTED or days.last not in missed:
        return
    severity: Severity = "critical" if len(missed) >= LONG_DAYS else "warning"
    words = (
        "no payment on a business day" if len(missed) == 1 else f"no payment on {len(missed)} business days"
    )
    figures = {"payments": 0, "usual_payments": round(expected, 1), "business_days": len(missed)}
    yield Card("zero_rows", severity, missed[-1], words, figures)


def _refunds(days: Days) -> Iterator[Card]:
    refunded, refunds = days.today("refunded"), int(days.today("refunds"))
    if refunds < FEWEST_REFUNDS:
        return
    before, sold = days.figures["refunded"], weeks_before(days.figures["sold"])
    usual, most_before, usual_sold = (
        usual_of(before),
        float(weeks_before(before).max()),
        median_of(sold[sold > 0]),
    )
    if not refunded > max(
        usual + FAR * stray_of(before), LARGE_SHARE * usual_sold, SMALLEST_JUMP * most_before
    ):
        return
    severity: Severity = "critical" if refunded > usual_sold and refunds >= MANY_REFUNDS else "warning"
    words = f"{refunded:.2f} was given back in {refunds} refunds; {usual:.2f} is usual"
    figures = {
        "refunded": round(refunded, 2), "refunds": refunds, "usual_refunded": round(usual, 2),
        "most_before": round(most_before, 2), "usual_sold": round(usual_sold, 2),
    }  # fmt: skip
    yield Card("refund_spike", severity, days.last, words, figures)


def _tickets(days: Days) -> Iterator[Card]:
    sales, sold = days.figures["sales"], days.figures["sold"]
    counts = (sales >= FEWEST_SALES) & (sold > 0)
    logarithm = np.full(len(sales), np.nan)
    logarithm[counts] = np.log(sold[counts] / sales[counts])
    if not counts[-1] or counts[:-1].sum() < WEEKS:
        return
    usual, stray = usual_of(logarithm), max(stray_of(logarithm), SMALLEST_STRAY)
    apart = abs(float(logarithm[-1]) - usual)
    if not apart > max(FAR * (1 + FEW_SALES / float(sales[-1])) * stray, math.log(SMALLEST_JUMP)):
        return
    average, usual_average = math.exp(float(logarithm[-1])), math.exp(usual)
    words = f"the average sale was {average:.2f}; {usual_average:.2f} is usual"
    figures = {
        "average": round(average, 2), "usual_average": round(usual_average, 2), "sales": int(sales[-1]),
        "deviations": round(apart / stray, 1),
    }  # fmt: skip
    yield Card("ticket_jump", "warning", days.last, words, figures)


def _declines(days: Days) -> Iterator[Card]:
    declined, payments = int(days.today("declined")), int(days.today("payments"))
    if declined < FEWEST_DECLINED:
        return
    before = float(weeks_before(days.figures["payments"]).sum())
    rate = float(weeks_before(days.figures["declined"]).sum()) / before if before else 0.0
    usual = max(usual_of(days.figures["declined"]), rate * payments)
    stray = max(stray_of(days.figures["declined"]), math.sqrt(usual + 1))
    if declined < usual + FAR * stray or declined <= 2 * rate * payments:
        return
    severity: Severity = "critical" if declined >= MANY_DECLINED and declined > payments / 2 else "warning"
    words = f"{declined} of {payments} payments were declined; {rate:.1%} is usual"
    figures = {
        "declined": declined, "payments": payments, "usual_share": round(rate, 4), "usual_declined": round(usual, 1),
    }  # fmt: skip
    yield Card("declines", severity, days.last, words, figures)


def _quiet_webhooks(days: Days) -> Iterator[Card]:
    payments, rung = days.figures["payments"], days.figures["rung"]
    busy = np.flatnonzero(payments >= FEWEST_UNRUNG)
    heard = busy[rung[busy] > 0]
    if busy.size == 0 or heard.size == 0 or busy[-1] != len(payments) - 1 or heard[-1] == busy[-1]:
        return
    quiet, usual = busy[busy > heard[-1]], busy[(busy <= heard[-1]) & (busy > heard[-1] - 2 * A_WEEK)]
    share = min(median_of(rung[usual] / payments[usual]), 1.0)
    if share < HALF:
        return
    missed, since = int(payments[quiet].sum()), days.day(len(payments) - 1 - int(quiet[0]))
    words = f"MX Merchant rang for none of {missed} payments; for {share:.0%} is usual"
    figures = {"rung": 0, "payments": missed, "usual_share": round(share, 2), "days": len(quiet)}
    yield Card("webhooks_quiet", "warning", since, words, figures)


def _new_products(days: Days) -> Iterator[Card]:
    names = days.new_products
    if not names:
        return
    named = ", ".join(repr(name) for name in names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    words = f"sold for the first time: {named}{more}"
    yield Card("new_product", "note", days.last, words, {"products": len(names)})
