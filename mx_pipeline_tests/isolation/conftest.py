"""What tests of isolation ask for: two clinics whose records carry the same ids, and the catalogue to read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from mx_pipeline_tests.fakes.clinic import a_clinic, mx, synthetic_mx

__all__ = ["a_clinic", "mx", "scratch", "synthetic_mx"]


@pytest.fixture(scope="module")
def scratch(postgres: Any, template: str) -> Iterator[Any]:
    """The superuser's connection to a migrated database in which nothing is ever committed."""
    with closing(psycopg2.connect(postgres.url(template))) as connection:
        yield connection
        connection.rollback()
