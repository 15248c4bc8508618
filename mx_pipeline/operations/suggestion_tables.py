"""What `mx-pipeline categories suggestions` and `train` print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from mx_pipeline.operations.printing import one_line
from mx_pipeline.operations.tables import new_table
from mx_pipeline.suggesting.examination import Figures
from mx_pipeline.suggesting.merchant_model import Trained


def suggestions_table(rows: Sequence[Any]) -> Table:
    """One row per product."""
    table = new_table("product", "is probably", "state")
    for header in ("confidence", "payments", "amount"):
        table.add_column(header, justify="right")
    for row in rows:
        table.add_row(
            one_line(row.product_name),
            one_line(row.category),
            row.state.replace("_", " "),
            "" if row.model_category is not None else f"{row.confidence:.3f}",
            f"{row.payments:,}",
            f"{row.amount:,.2f}",
        )
    return table


def coverage_table(figures: Figures) -> Table:
    """One row per confidence: what share of held-out products was answered so surely, and was that right."""
    table = new_table()
    for header in ("as sure as", "of held-out products", "of these right"):
        table.add_column(header, justify="right")
    for level in figures.coverage:
        right = f"{level.right:.0%}" if level.products else "–"
        table.add_row(f"{level.confidence}", f"{level.covered:.0%} ({level.products})", right)
    return table


def in_words(trained: Trained) -> Iterator[str]:
    """What it was learned from, how good it is, what it says."""
    yield trained.reason
    figures = trained.figures
    if figures is not None:
        yield (
            f"held out by product: {figures.right} of {figures.products} right, {figures.accuracy:.0%} "
            f"({figures.accuracy_from:.0%} to {figures.accuracy_to:.0%}); always the commonest category: "
            f"{figures.most_frequent:.0%}; categories dealt out at random: {figures.shuffled:.0%}"
        )
    waiting = len(trained.says) - len(trained.applied)
    yield (
        f"of {trained.asked} products that nobody decided, {len(trained.applied)} are applied and {waiting} wait: "
        f"mx-pipeline categories suggestions {trained.merchant_id}"
    )
