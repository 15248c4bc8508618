"""A quiet year stays silent, whatever merchant it is of; what is planted in it is found, with its figures."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from mx_pipeline.warehouse.anomalies import anomalies
from mx_pipeline.warehouse.usual import YOUNG_DAYS, Card

FIRST = date(2025, 1, 2)
LAST = date(2026, 1, 31)
CLOSED = {
    date(2025, 5, 26),
    date(2025, 7, 4),
    date(2025, 9, 1),
    date(2025, 11, 27),
    date(2025, 12, 25),
    date(2026, 1, 1),
}
WEEK = (1.0, 1.1, 1.0, 0.9, 1.2, 0.4, 0.0)
PLANTED = date(2025, 10, 8)
"""A Wednesday far from any holiday."""


def a_year(seed: int, *, a_day: float | None = None) -> pd.DataFrame:
    """Days of a clinic as they come: by weekday, with holidays, a season, tickets with a long tail, a few refunds."""
    dice = np.random.default_rng(seed)
    usual = a_day or float(dice.choice([3, 8, 20, 40, 120]))
    middle, tail = float(dice.uniform(60, 900)), float(dice.uniform(0.3, 0.9))
    refund_rate, decline_rate, rung_rate = (
        dice.uniform(0, 0.04),
        dice.uniform(0.01, 0.12),
        dice.choice([0.0, 0.9]),
    )
    rows = []
    for number in range((LAST - FIRST).days):
        day = FIRST + timedelta(days=number)
        season = 1 + 0.2 * np.sin(2 * np.pi * number / 365)
        payments = 0 if day in CLOSED else int(dice.poisson(usual * season * WEEK[day.weekday()]))
        declined = int(dice.binomial(payments, decline_rate))
        refunds = int(dice.binomial(payments - declined, refund_rate))
        sales = payments - declined - refunds
        rows.append({
            "day": day, "payments": payments, "declined": declined, "refunds": refunds, "sales": sales,
            "sold": float(dice.lognormal(np.log(middle), tail, sales).sum()),
            "refunded": float(dice.lognormal(np.log(middle), tail, refunds).sum()),
            "rung": int(dice.binomial(payments, rung_rate)), "new_products": (),
        })  # fmt: skip
    return pd.DataFrame([row for row in rows if row["payments"]]).set_index("day")


def of_a_day(daily: pd.DataFrame, day: date) -> list[Card]:
    """As it is seen on the next morning."""
    return anomalies(daily, day + timedelta(days=1))


@pytest.mark.parametrize(("seed", "a_day"), [(1, 8), (3, 30), (4, 120)])
def test_a_quiet_year_has_nothing_critical_and_at_most_two_cards(seed: int, a_day: float) -> None:
    year = a_year(seed, a_day=a_day)

    found = {
        (card.kind, card.since): card
        for number in range((LAST - FIRST).days)
        for card in of_a_day(year, FIRST + timedelta(days=number))
    }

    assert [card for card in found.values() if card.severity == "critical"] == []
    assert len(found) <= 2, list(found.values())


def planted(year: pd.DataFrame, **figures: object) -> pd.DataFrame:
    """The same year with another Wednesday."""
    changed = year.copy()
    for name, value in figures.items():
        changed.at[PLANTED, name] = value
    return changed


YEAR = a_year(40, a_day=40).assign(rung=lambda year: year["payments"])
ONE = YEAR.loc[PLANTED]

PLANTS = [
    pytest.param(YEAR.drop(index=PLANTED), "zero_rows", "warning", {"payments": 0, "business_days": 1}, id="no row"),
    pytest.param(
        YEAR.drop(index=[PLANTED - timedelta(days=back) for back in range(4) if back < 3]),
        "zero_rows", "critical", {"payments": 0, "business_days": 3}, id="no row on three days",
    ),
    pytest.param(
        planted(YEAR, refunds=12, refunded=2.0 * ONE["sold"]), "refund_spike", "critical", {"refunds": 12}, id="refunds"
    ),
    pytest.param(planted(YEAR, sold=4 * ONE["sold"]), "ticket_jump", "warning", {"sales": ONE["sales"]}, id="tickets"),
    pytest.param(
        planted(YEAR, declined=25, payments=30, rung=30), "declines", "critical", {"declined": 25, "payments": 30},
        id="declines",
    ),
    pytest.param(planted(YEAR, rung=0), "webhooks_quiet", "warning", {"rung": 0, "usual_share": 1.0}, id="rung"),
    pytest.param(
        planted(YEAR, new_products=("Weight Loss 12 weeks",)), "new_product", "note", {"products": 1}, id="product"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("year", "kind", "severity", "figures"), PLANTS)
def test_d22_what_is_planted_is_found_with_its_figures(
    year: pd.DataFrame, kind: str, severity: str, figures: dict[str, float]
) -> None:
    cards = of_a_day(year, PLANTED)

    (card,) = [card for card in cards if card.kind == kind]
    assert card.severity == severity
    assert {name: card.figures[name] for name in figures} == figures
    assert card.since <= PLANTED
    assert [card for card in of_a_day(YEAR, PLANTED) if card.kind == kind] == []


@pytest.mark.parametrize(("year", "kind", "severity", "figures"), PLANTS)
def test_a_merchant_younger_than_four_weeks_has_no_card(
    year: pd.DataFrame, kind: str, severity: str, figures: dict[str, float]
) -> None:
    young = year[year.index > PLANTED - timedelta(days=YOUNG_DAYS)]

    assert of_a_day(young, PLANTED) == []


def test_what_goes_on_is_one_card_from_its_first_day() -> None:
    gone = YEAR.drop(index=[day for day in YEAR.index if day >= PLANTED])

    seen = [of_a_day(gone, PLANTED + timedelta(days=later)) for later in range(6)]

    assert {(card.kind, card.since) for cards in seen for card in cards} == {("zero_rows", PLANTED)}
    # Then it is Sunday, and a holiday.
    assert [cards[0].severity for cards in seen if cards] == ["warning", "warning", "critical", "critical"]


def test_a_holiday_is_no_business_day() -> None:
    assert of_a_day(YEAR, date(2025, 11, 27)) == []
    assert [card.kind for card in of_a_day(YEAR.drop(index=date(2025, 11, 20)), date(2025, 11, 20))] == [
        "zero_rows"
    ]
