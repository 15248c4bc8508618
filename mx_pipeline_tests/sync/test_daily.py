"""Figures by the merchant's own days, and what was unusual in the last of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from mx_pipeline.synthetic_mx import FixedAnswer
from mx_pipeline.warehouse.daily import daily_figures, recent_cards
from mx_pipeline.warehouse.usual import Card
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.sync.conftest import Clinic

NOW = datetime(2026, 10, 8, 18, tzinfo=UTC)
"""A Thursday, at noon in Chicago; its Wednesday is the last whole day."""
WEDNESDAY = date(2026, 10, 7)
A_DAY = """
    INSERT INTO mx.payments (merchant_id, mx_payment_id, created, amount, status, type, payload, observed_at)
    SELECT :merchant, extract(epoch FROM CAST(:day AS date)) + n,
           (CAST(:day AS date) + interval '23 hours 30 minutes') AT TIME ZONE 'America/Chicago', 100, 'Settled', 'Sale',
           '{}', now()
      FROM generate_series(1, :payments) AS n"""


def forty_a_day(warehouse: WarehouseUnderTest, *, days: int, until: date, synced_at: datetime = NOW) -> None:
    """Just before midnight of the merchant's own clock, where it is another day in UTC."""
    warehouse.has_merchant()
    for back in range(days):
        day = until - timedelta(days=back)
        warehouse.damage(A_DAY, merchant=MERCHANT, day=day, payments=40)
    warehouse.damage(
        "INSERT INTO mx.sync_state (merchant_id, stream, last_outcome, last_success_at)"
        " VALUES (:merchant, 'payments', 'success', :at)",
        merchant=MERCHANT,
        at=synced_at,
    )


def cards(warehouse: WarehouseUnderTest) -> list[Card]:
    with warehouse.loader.merchant(MERCHANT) as tenant:
        return recent_cards(tenant, now=NOW)


def test_d22_a_sync_without_a_row_is_whole_only_where_the_source_says_that_there_is_none(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic(timezone="America/Chicago")
    day = {"since": WEDNESDAY, "until": WEDNESDAY + timedelta(days=1)}
    clinic.mx.answers(FixedAnswer(endpoint="payments", status=200, body='{"records":[]}'))
    unproven, of_a_day = clinic.sync("incremental"), clinic.sync("range", **day)
    clinic.mx.answers_truthfully()
    proven, day_proven = clinic.sync("incremental"), clinic.sync("range", **day)

    assert (unproven.outcome, of_a_day.outcome) == ("partial", "partial")
    assert unproven.certificates[0].verdict == "unproven"
    assert "recordCount" in str(unproven.certificates[0].note)
    assert (proven.outcome, day_proven.outcome) == ("success", "success")
    assert (proven.certificates[0].verdict, proven.certificates[0].source_count) == ("agrees", 0)


def test_d22_no_row_on_a_business_day_after_forty_a_day_is_a_card(warehouse: WarehouseUnderTest) -> None:
    forty_a_day(warehouse, days=56, until=WEDNESDAY - timedelta(days=1))

    (card,) = cards(warehouse)

    assert (card.kind, card.since, card.severity) == ("zero_rows", WEDNESDAY, "warning")
    assert card.figures == {"payments": 0, "usual_payments": 40, "business_days": 1}


def test_days_that_no_whole_sync_has_ended_after_are_not_judged(warehouse: WarehouseUnderTest) -> None:
    forty_a_day(warehouse, days=56, until=WEDNESDAY - timedelta(days=1), synced_at=NOW - timedelta(hours=14))

    assert cards(warehouse) == []


def test_a_merchant_of_four_weeks_is_too_young(warehouse: WarehouseUnderTest) -> None:
    forty_a_day(warehouse, days=26, until=WEDNESDAY - timedelta(days=1))

    assert cards(warehouse) == []


def test_figures_are_of_the_merchants_own_days(warehouse: WarehouseUnderTest) -> None:
    forty_a_day(warehouse, days=2, until=WEDNESDAY)
    warehouse.damage(
        "UPDATE mx.payments SET status = 'Declined' WHERE mx_payment_id % 10 = 0;"
        "UPDATE mx.payments SET type = 'Return' WHERE mx_payment_id % 10 = 1;"
        "UPDATE mx.payments SET status = 'Voided' WHERE mx_payment_id % 10 = 2"
    )

    with warehouse.loader.merchant(MERCHANT) as tenant:
        daily = daily_figures(tenant, since=NOW - timedelta(days=9))

    assert list(daily.index) == [WEDNESDAY - timedelta(days=1), WEDNESDAY]
    last = daily.loc[WEDNESDAY]
    assert (last["payments"], last["declined"], last["refunds"], last["refunded"]) == (36, 4, 4, 400)
    assert (last["sales"], last["sold"], last["rung"], last["new_products"]) == (28, 2800, 0, ())
