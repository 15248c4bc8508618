"""One measured figure, and the table of them: for a person, for the README, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

TIMES = "\u00d7"
COLUMNS = ("what", "measured", "reach", "")


@dataclass(frozen=True)
class Figure:
    """A ratio, a count or a size, and what it is to reach."""

    row: str
    what: str
    value: float
    unit: str
    """TIMES, `%`, `calls`, `connections`, `MB` or `s`."""
    reach: float
    is_least: bool = False
    """The figure is to be that large at least, not at most."""
    beside: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The medians and counts that it was made of."""

    @property
    def is_reached(self) -> bool:
        return self.value >= self.reach if self.is_least else self.value <= self.reach

    def told(self) -> dict[str, Any]:
        return {**asdict(self), "is_reached": self.is_reached}

    def cells(self) -> tuple[str, str, str, str]:
        sign = "≥" if self.is_least else "≤"
        reached = "reached" if self.is_reached else "not yet"
        return (
            self.what,
            _number(self.value, self.unit),
            f"{sign} {_number(self.reach, self.unit)}",
            reached,
        )


def middle(runs: Sequence[Mapping[str, Any]], *names: str) -> float:
    """The median of the sum of these figures."""
    return median(sum(run[name] for name in names) for run in runs)


def markdown(figures: Sequence[Figure]) -> str:
    """Ready for the README."""
    lines = ["| what | measured | reach | |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(figure.cells())} |" for figure in figures)]) + "\n"


def table(figures: Sequence[Figure]) -> str:
    """For a terminal."""
    rows = [COLUMNS, *(figure.cells() for figure in figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows
    )


def _number(value: float, unit: str) -> str:
    match unit:
        case "calls" | "connections":
            return f"{value:.0f} {unit}"
        case "payments a second":
            return f"{value:,.0f} {unit}"
        case "MB":
            return f"{value:.0f} MB"
        case "%":
            return f"{value:.0f} %"
        case _:
            return f"{value:.3f} {unit}" if value < 1.1 else f"{value:.2f} {unit}"
