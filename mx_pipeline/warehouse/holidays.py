"""Days on which a clinic in the United States may well be closed: nobody is told that it had no payment."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

import pandas as pd
from pandas.tseries.holiday import GoodFriday, USFederalHolidayCalendar

BESIDES = ((12, 24), (12, 26), (12, 31), (1, 1), (1, 2), (7, 3), (7, 4), (7, 5), (12, 25), (11, 11), (6, 19))
"""Days around holidays, and holidays themselves where the observed day is another."""


def is_holiday(day: date) -> bool:
    """Is it one, or a day that is usually taken with one?"""
    return (day.month, day.day) in BESIDES or day in _of_year(day.year)


@cache
def _of_year(year: int) -> frozenset[date]:
    first, last = pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31)
    federal = [found.date() for found in USFederalHolidayCalendar().holidays(first, last)]
    good_friday = [found.date() for found in GoodFriday.dates(first, last)]
    after_thanksgiving = [
        day + timedelta(days=1) for day in federal if day.month == 11 and day.weekday() == 3
    ]
    return frozenset((*federal, *good_friday, *after_thanksgiving))
