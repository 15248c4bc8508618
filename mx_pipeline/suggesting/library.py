"""The one place that loads scikit-learn and matplotlib, which only suggestions need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mx_pipeline.errors import BadInput

MISSING = (
    "suggestions need scikit-learn and matplotlib: install them with pip install 'mx_pipeline[suggestions]'"
)


def part(name: str) -> Any:
    """The module of this name; untyped, as its makers leave it. Raises BadInput where it is not installed."""
    try:
        return import_module(name)
    except ImportError:
        raise BadInput(MISSING) from None


def one_thread() -> Any:
    """While this context lasts, sums are made on one thread: ten times as fast here, and bit by bit the same."""
    return part("threadpoolctl").threadpool_limits(limits=1)
