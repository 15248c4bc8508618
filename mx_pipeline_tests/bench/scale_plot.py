"""
Draws how cost grows: `python -m mx_pipeline_tests.bench.scale_plot BENCH.json docs/scale.png`, from what
`python -m mx_pipeline_tests.bench --only merchants --json BENCH.json` has measured;
`--plot docs/scale.png` there does both.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt

LINES = {
    "registered and verified": "register and verify",
    "first load": "first load",
    "a round, nothing changed": "a round, nothing changed",
    "a round, 1 % changed": "a round, 1 % changed",
    "first tick of the partitions": "partitions: first tick",
    "status --json": "status --json",
    "trace without --merchant": "trace without --merchant",
    "Dagster UI, an asset's partitions": "Dagster UI: an asset's partitions",
}
INCHES, DOTS = (8.4, 4.2), 100


def main() -> None:
    measured, picture = map(Path, sys.argv[1:])
    draw(json.loads(measured.read_text(encoding="utf-8"))["figures"], picture)


def draw(figures: Sequence[Mapping[str, Any]], picture: Path) -> None:
    """Whatever of it was measured."""
    drawing, axes = plt.subplots(figsize=INCHES, layout="constrained")
    for what, label in LINES.items():
        points = sorted(
            (one["beside"]["merchants"], one["value"]) for one in figures if one["what"].endswith(f": {what}")
        )
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.set(xscale="log", yscale="log", xlabel="merchants", ylabel="seconds")
    axes.grid(visible=True, which="major", alpha=0.3)
    drawing.legend(loc="outside right upper", fontsize="small", frameon=False)
    drawing.savefig(picture, dpi=DOTS)
    plt.close(drawing)


if __name__ == "__main__":
    main()
