"""Logistic regression over buckets: how likely each category is, of products whose category is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any

import numpy as np
import numpy.typing as npt

from mx_pipeline.suggesting.features import BUCKETS, Buckets
from mx_pipeline.suggesting.library import one_thread, part

STRICTNESS = 20.0
"""scikit-learn's C. Of 1 to 100 the held-out accuracy is flat from 10 on, and the smaller is the quicker."""
MOST_ROUNDS = 1000


@dataclass(frozen=True)
class Example:
    """A product, as the model sees it, and what it is."""

    buckets: Buckets
    category: str


@dataclass(frozen=True)
class Answer:
    """The category that is likeliest, and how likely."""

    category: str
    probability: float


class Learned:
    """A model. The same examples in the same order give the same one, bit by bit."""

    def __init__(self, examples: Sequence[Example]) -> None:
        """Of at least two categories. Raises BadInput where the library is missing."""
        estimator = part("sklearn.linear_model").LogisticRegression(C=STRICTNESS, max_iter=MOST_ROUNDS)
        taught = _matrix([example.buckets for example in examples])
        # A bucket that nothing fell into would get the weight zero, after just as much work.
        self._used: npt.NDArray[np.int32] = np.unique(taught.indices)
        with one_thread():
            self._estimator: Any = estimator.fit(
                taught[:, self._used], [example.category for example in examples]
            )
        self.categories: list[str] = self._estimator.classes_.tolist()
        self.weights: npt.NDArray[np.float64] = self._estimator.coef_

    def answers(self, products: Sequence[Buckets]) -> list[Answer]:
        """One for each."""
        if not products:
            return []
        likely: npt.NDArray[np.float64] = self._estimator.predict_proba(_matrix(products)[:, self._used])
        best: list[int] = likely.argmax(axis=1).tolist()
        return [Answer(self.categories[at], float(row[at])) for at, row in zip(best, likely, strict=True)]


def _matrix(products: Sequence[Buckets]) -> Any:
    """One row per product, each of length one, so that a long name weighs no more than a short one."""
    ends = [0, *accumulate(map(len, products))]
    values = np.fromiter(
        chain.from_iterable([len(buckets) ** -0.5] * len(buckets) for buckets in products), float, ends[-1]
    )
    columns = np.fromiter(chain.from_iterable(products), np.int32, ends[-1])
    return part("scipy.sparse").csr_matrix((values, columns, ends), shape=(len(products), BUCKETS))
