"""The confusion matrix as a picture: what products are, against what was said of them when they were left out."""

from __future__ import annotations

import warnings
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from mx_pipeline.suggesting.library import part

MOST_CATEGORIES = 12
OTHERS = "(others)"
MOST_LETTERS = 24


def confusion_picture(confusion: Sequence[tuple[str, str, int]]) -> str:
    """A PNG in a data URI; categories beyond the twelve with most products are summed up."""
    size = Counter[str]()
    for category, _, products in confusion:
        size[category] += products
    shown = [category for category, _ in size.most_common(MOST_CATEGORIES)]
    names = shown if len(size) <= MOST_CATEGORIES else [*shown, OTHERS]
    at = {category: place for place, category in enumerate(shown)}
    cells = [[0] * len(names) for _ in names]
    for category, said, products in confusion:
        cells[at.get(category, len(names) - 1)][at.get(said, len(names) - 1)] += products
    return "data:image/png;base64," + b64encode(_drawn(names, cells)).decode()


def _drawn(names: Sequence[str], cells: Sequence[Sequence[int]]) -> bytes:
    side = 2.5 + 0.45 * len(names)
    figure: Any = part("matplotlib.figure").Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(cells, cmap="Blues")
    labels = [name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…" for name in names]
    # A dollar sign is a dollar sign: without this two of them are a formula.
    axes.set_xticks(range(len(names)), labels, rotation=60, ha="right", parse_math=False)
    axes.set_yticks(range(len(names)), labels, parse_math=False)
    axes.set_xlabel("said, when it was left out")
    axes.set_ylabel("is")
    half = max(map(max, cells)) / 2
    for row, line in enumerate(cells):
        for column, products in enumerate(line):
            if products:
                axes.annotate(
                    str(products),
                    (column, row),
                    ha="center",
                    va="center",
                    color="white" if products > half else "black",
                )
    out = BytesIO()
    with warnings.catch_warnings():
        # A script that the one font lacks is shown as boxes; that is no reason to fail.
        warnings.simplefilter("ignore", UserWarning)
        figure.savefig(out, format="png", dpi=80)
    return out.getvalue()
