"""A merchant's days in figures, by its own clock, and what was unusual in the last of them."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pandas as pd

from mx_pipeline.warehouse.anomalies import anomalies
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.usual import WEEKS, YOUNG_DAYS, Card

SHOWN_DAYS = 7
NUMBERS = ["payments", "declined", "refunds", "refunded", "sales", "sold"]


def recent_cards(tenant: Tenant, *, now: datetime, days: int = SHOWN_DAYS) -> list[Card]:
    """What was unusual in the last days that are known whole, newest first; each once, however long it goes on."""
    known = tenant.one("daily", "known_until", now=now)
    if known.known_until is None:
        return []
    today: date = min(known.today, known.known_until)
    daily = daily_figures(tenant, since=now - timedelta(weeks=WEEKS, days=days + YOUNG_DAYS + 2))
    found: dict[tuple[str, date], Card] = {}
    for back in range(days):
        for card in anomalies(
            daily[daily.index < today - timedelta(days=back)], today - timedelta(days=back)
        ):
            found.setdefault((card.kind, card.since), card)
    return list(found.values())


def daily_figures(tenant: Tenant, *, since: datetime) -> pd.DataFrame:
    """What `anomalies` takes: one row per day that had a payment or a notification."""
    asked = {"since": since}
    rows = pd.DataFrame(
        [tuple(row) for row in tenant.run("daily", "days", **asked)], columns=["day", *NUMBERS]
    ).set_index("day")
    rung = {row.day: row.rung for row in tenant.run("daily", "days_rung", **asked)}
    new: dict[date, list[str]] = {}
    for row in tenant.run("daily", "days_of_new_products", **asked):
        new.setdefault(row.day, []).append(row.product_name)
    rows["rung"] = [rung.get(day, 0) for day in rows.index]
    names = [tuple(sorted(new.get(day, ()))) for day in rows.index]
    rows["new_products"] = pd.Series(names, index=rows.index, dtype=object)
    return rows
