"""What is usual for a merchant: the same weekday's median, and how far its days stray from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

WEEKS = 12
A_WEEK = 7
YOUNG_DAYS = 28
"""Before that nothing is usual yet."""
MAD_TO_SIGMA = 1.4826
FIGURES = ("payments", "declined", "refunds", "refunded", "sales", "sold", "rung")

Row: TypeAlias = NDArray[np.float64]
"""One figure of every day."""
Severity: TypeAlias = Literal["note", "warning", "critical"]
Figure: TypeAlias = int | float | str


@dataclass(frozen=True)
class Card:
    """Something that a person should look at."""

    kind: str
    severity: Severity
    since: date
    """The day of it; of something that goes on, the first."""
    words: str
    figures: Mapping[str, Figure] = field(default_factory=dict[str, Figure])

    def as_json(self) -> dict[str, object]:
        """As `status --json` and Dagster show it."""
        return {
            "kind": self.kind, "severity": self.severity, "since": self.since.isoformat(), "words": self.words,
            "figures": dict(self.figures),
        }  # fmt: skip


@dataclass(frozen=True)
class Days:
    """A merchant's days without a gap, the last of them the one that is judged."""

    last: date
    figures: Mapping[str, Row]
    new_products: tuple[str, ...]

    def today(self, name: str) -> float:
        """The figure of the day that is judged."""
        return float(self.figures[name][-1])

    def day(self, back: int) -> date:
        """So many days before it."""
        return self.last - timedelta(days=back)


def every_day(known: pd.DataFrame, last: date) -> Days:
    """The days from the first that baselines look at, those without a row too."""
    first = max(known.index[0], last - timedelta(weeks=WEEKS, days=YOUNG_DAYS))
    figures = {name: np.zeros((last - first).days + 1) for name in FIGURES}
    places = [(day - first).days for day in known.index]
    for name, row in figures.items():
        for place, value in zip(places, known[name].tolist(), strict=True):
            if place >= 0:
                row[place] = value
    new = known["new_products"].tolist()[-1] if known.index[-1] == last else ()
    return Days(last, figures, tuple(new))


def median_of(values: Row) -> float:
    """Of those that are known; not a number where none is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else float("nan")


def weeks_before(values: Row) -> Row:
    """Of the days that the last one is compared with."""
    return values[-WEEKS * A_WEEK - 1 : -1]


def usual_of(values: Row, back: int = 0) -> float:
    """The median of the same weekday of the weeks before."""
    earlier = values[: len(values) - back - 1]
    return median_of(earlier[::-1][A_WEEK - 1 :: A_WEEK][:WEEKS])


def stray_of(values: Row) -> float:
    """How far a day is from the median of its weekday: the median of that over all days, as a standard deviation."""
    before = weeks_before(values)
    weekdays = [before[number::A_WEEK] for number in range(A_WEEK)]
    return MAD_TO_SIGMA * median_of(np.concatenate([np.abs(one - median_of(one)) for one in weekdays]))
