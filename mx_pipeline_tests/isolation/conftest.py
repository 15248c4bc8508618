"""What tests of isolation ask for: two clinics whose records carry the same ids, and the catalogue to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from mx_pipeline_tests.fakes.clinic import a_clinic, mx, synthetic_mx

THREADS = 12

__all__ = ["a_clinic", "mx", "scratch", "synthetic_mx"]


@pytest.fixture(scope="module")
def scratch(postgres: Any, template: str) -> Iterator[Any]:
    """The superuser's connection to a migrated database in which nothing is ever committed."""
    with closing(psycopg2.connect(postgres.url(template))) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def at_once() -> Iterator[Callable[..., list[Any]]]:
    """Runs a work for so many numbers on several threads."""
    with ThreadPoolExecutor(THREADS) as threads:
        yield lambda work, numbers: list(threads.map(work, range(numbers)))
