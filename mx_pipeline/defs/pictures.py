"""Draws what a clinic earned as small PNG pictures, with pandas and matplotlib; it knows no database and no person."""

from __future__ import annotations

import base64
import warnings
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH_INCHES, DOTS_PER_INCH = 8, 80
MOST_BARS = 10
LONGEST_LABEL = 40
WEEK = 7
BLUE, RED, GREY = "#2563eb", "#dc2626", "#94a3b8"


def days_picture(days: Sequence[Mapping[str, Any]]) -> bytes:
    """Net by day with its mean over a week; a day without money is 0."""
    frame = pd.DataFrame({"net": [float(row["net"]) for row in days]}, index=[row["day"] for row in days])
    frame.index = pd.to_datetime(frame.index)
    frame = frame.reindex(pd.date_range(frame.index.min(), frame.index.max()), fill_value=0.0)
    figure, axes = _paper(3)
    axes.plot(frame.index.to_numpy(), frame["net"].to_numpy(), color=GREY, linewidth=1, label="net by day")
    mean = frame["net"].rolling(WEEK, min_periods=1).mean()
    axes.plot(frame.index.to_numpy(), mean.to_numpy(), color=BLUE, linewidth=2, label="mean of 7 days")
    axes.set_title("Revenue by day")
    axes.legend(frameon=False, fontsize="small")
    return _png(figure)


def categories_picture(categories: Sequence[Mapping[str, Any]]) -> bytes:
    """Gross by category, and what of it was given back."""
    frame = _most(categories, "product_category", "All other categories")
    figure, axes = _paper(1 + 0.35 * len(frame))
    _bars(axes, frame.index.tolist(), frame["gross"].tolist(), color=BLUE, label="gross")
    _bars(axes, frame.index.tolist(), frame["refunded"].tolist(), color=RED, label="refunded")
    axes.set_title("Revenue by category")
    axes.legend(frameon=False, fontsize="small")
    return _png(figure)


def products_picture(products: Sequence[Mapping[str, Any]]) -> bytes:
    """Each product's part of gross, in percent."""
    frame = _most(products, "product_name", "All other products")
    shares = 100 * frame["gross"] / (frame["gross"].sum() or 1)
    figure, axes = _paper(1 + 0.35 * len(frame))
    _bars(axes, frame.index.tolist(), shares.tolist(), color=BLUE, label="gross")
    axes.set_title("Product mix: percent of gross")
    return _png(figure)


def as_markdown(title: str, png: bytes) -> str:
    """The picture as the catalog shows it."""
    return f"![{title}](data:image/png;base64,{base64.b64encode(png).decode()})"


def _most(rows: Sequence[Mapping[str, Any]], name: str, rest: str) -> pd.DataFrame:
    """The greatest few by gross, and the sum of all others."""
    frame = pd.DataFrame(
        {figure: [float(row[figure]) for row in rows] for figure in ("gross", "refunded")},
        index=[_short(row[name]) for row in rows],
    )
    if len(frame) <= MOST_BARS:
        return frame
    others = frame.iloc[MOST_BARS - 1 :].sum().to_frame(rest).T
    return pd.concat([frame.iloc[: MOST_BARS - 1], others])


def _short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"


def _bars(axes: Axes, labels: list[str], widths: list[float], *, color: str, label: str) -> None:
    places = list(range(len(labels)))
    axes.barh(places, widths, color=color, label=label, height=0.7)
    # A product may be called $x^2, which is no formula.
    axes.set_yticks(places, labels=labels, parse_math=False)
    axes.set_ylim(len(labels) - 0.5, -0.5)


def _paper(height_inches: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_INCHES, height_inches), dpi=DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="both", alpha=0.2)
    return figure, axes


def _png(figure: Figure) -> bytes:
    paper = BytesIO()
    with warnings.catch_warnings():
        # A name may hold what the font has no picture of; the tables beside it show it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(paper, format="png")
    return paper.getvalue()
