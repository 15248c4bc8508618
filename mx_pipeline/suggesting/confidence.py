"""What a probability of the model's is worth: how often answers as likely as it were right on held-out products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, floor, log, sqrt

import numpy as np

from mx_pipeline.suggesting.library import part

SURE = 1 - 1e-6
STEPS = 1000
Z95 = 1.959964


@dataclass(frozen=True)
class Confidence:
    """Platt's curve: a steeper and a shifted probability."""

    slope: float
    shift: float

    def of(self, probability: float) -> float:
        """Never more than the model itself says: what is like nothing that was ever held out is not sure by their luck.

        In thousandths, rounded down: what is called 0.9 is not less.
        """
        seen = 1 / (1 + exp(-(self.slope * _logit(probability) + self.shift)))
        return floor(min(seen, probability) * STEPS) / STEPS


def fitted(held_out: Sequence[tuple[float, bool]]) -> Confidence:
    """From the probability of each held-out answer, and whether it was right.

    Its targets are Platt's: of N right answers each counts as (N + 1) / (N + 2), so that nothing is certain after a
    few products. Where likelier answers were not right more often, every answer gets the same.
    """
    right = sum(was_right for _, was_right in held_out)
    wrong = len(held_out) - right
    high, low = (right + 1) / (right + 2), 1 / (wrong + 2)
    share = (right * high + wrong * low) / len(held_out)
    flat = Confidence(0.0, _logit(share))
    targets = [high if was_right else low for _, was_right in held_out]
    rows = np.array([[_logit(probability)] for probability, _ in held_out] * 2)
    classes = [1] * len(held_out) + [0] * len(held_out)
    curve = part("sklearn.linear_model").LogisticRegression().fit(
        rows, classes, sample_weight=targets + [1 - target for target in targets]
    )  # fmt: skip
    slope = float(curve.coef_[0][0])
    return Confidence(slope, float(curve.intercept_[0])) if slope > 0 else flat


def wilson(right: int, of: int) -> tuple[float, float]:
    """Between these the true share lies, 95 times in 100."""
    if of == 0:
        return 0.0, 1.0
    share, square = right / of, Z95**2
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = Z95 / (1 + square / of) * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def _logit(probability: float) -> float:
    within = min(max(probability, 1 - SURE), SURE)
    return log(within / (1 - within))
