"""How good a model is, on products that it was not taught: each is left out once, and asked for then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from mx_pipeline.suggesting.confidence import Confidence, fitted, wilson
from mx_pipeline.suggesting.learning import Example, Learned
from mx_pipeline.suggesting.library import one_thread

FOLDS = 5
FEWEST_PRODUCTS = 20
FEWEST_OF_A_CATEGORY = 3
"""Of fewer there are not enough to learn from when one is left out."""
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
SHUFFLED_BY = 1


@dataclass(frozen=True)
class Left:
    """A product that was left out, and what was said of it."""

    category: str
    said: str
    probability: float
    confidence: float
    most_frequent: str
    """The commonest category of the products that were taught meanwhile."""

    @property
    def is_right(self) -> bool:
        """Was it?"""
        return self.said == self.category


@dataclass(frozen=True)
class Coverage:
    """Held-out products whose answer was at least this sure: how many of all, and how many of them were right."""

    confidence: float
    products: int
    covered: float
    right: float


@dataclass(frozen=True)
class Figures:
    """What the examination came to."""

    products: int
    categories: int
    right: int
    accuracy: float
    accuracy_from: float
    accuracy_to: float
    most_frequent: float
    """The share that is right for who always says the commonest category."""
    shuffled: float
    """The same examination with the categories dealt out at random: no better than chance, or it is not honest."""
    coverage: tuple[Coverage, ...]
    confusion: tuple[tuple[str, str, int], ...]
    """Category, what was said, products."""

    @property
    def beats_the_most_frequent(self) -> bool:
        """Surely, not by luck."""
        return self.accuracy_from > self.most_frequent


def suffice(examples: Sequence[Example]) -> bool:
    """Enough to learn from, and to examine what was learned?"""
    sizes = Counter(example.category for example in examples).values()
    return len(examples) >= FEWEST_PRODUCTS and sum(size >= FEWEST_OF_A_CATEGORY for size in sizes) > 1


def examined(examples: Sequence[Example]) -> tuple[Figures, Confidence]:
    """The figures, and what the model's probabilities are worth. One example is one product. They `suffice`."""
    with one_thread():
        left, dealt = _left_out(examples), _left_out(_shuffled(examples))
        worth = fitted([(one.probability, one.is_right) for one in left])
    right = sum(one.is_right for one in left)
    low, high = wilson(right, len(left))
    figures = Figures(
        products=len(left),
        categories=len({example.category for example in examples}),
        right=right,
        accuracy=right / len(left),
        accuracy_from=low,
        accuracy_to=high,
        most_frequent=sum(one.most_frequent == one.category for one in left) / len(left),
        shuffled=sum(one.is_right for one in dealt) / len(left),
        coverage=tuple(_coverage(left, level) for level in LEVELS),
        confusion=tuple(
            (category, said, products)
            for (category, said), products in sorted(
                Counter((one.category, one.said) for one in left).items()
            )
        ),
    )
    return figures, worth


def _left_out(examples: Sequence[Example]) -> list[Left]:
    folds = _folds(examples)
    told: list[tuple[int, Example, str, float, str]] = []
    for fold in range(FOLDS):
        taught = [example for example, its in zip(examples, folds, strict=True) if its != fold]
        asked = [example for example, its in zip(examples, folds, strict=True) if its == fold]
        ((most_frequent, _),) = Counter(sorted(example.category for example in taught)).most_common(1)
        answers = Learned(taught).answers([example.buckets for example in asked])
        told += [
            (fold, example, answer.category, answer.probability, most_frequent)
            for example, answer in zip(asked, answers, strict=True)
        ]
    # A fold's confidence is fitted on the others', so that it is not examined on what it was made from.
    worth = [
        fitted([(sure, said == one.category) for its, one, said, sure, _ in told if its != fold])
        for fold in range(FOLDS)
    ]
    return [
        Left(one.category, said, sure, worth[fold].of(sure), most_frequent)
        for fold, one, said, sure, most_frequent in told
    ]


def _folds(examples: Sequence[Example]) -> list[int]:
    """Each category is dealt out over all folds, so that none is taught nothing of it."""
    next_of = {category: count(at) for at, category in enumerate(sorted({one.category for one in examples}))}
    return [next(next_of[example.category]) % FOLDS for example in examples]


def _shuffled(examples: Sequence[Example]) -> list[Example]:
    categories = [example.category for example in examples]
    Random(SHUFFLED_BY).shuffle(categories)  # noqa: S311 # the same each time, and nobody's secret
    return [Example(one.buckets, category) for one, category in zip(examples, categories, strict=True)]


def _coverage(left: Sequence[Left], level: float) -> Coverage:
    sure = [one.is_right for one in left if one.confidence >= level]
    return Coverage(level, len(sure), len(sure) / len(left), sum(sure) / len(sure) if sure else 0.0)
