"""A shop whose people have named what is on the shelf."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mx_pipeline_tests.categories.conftest import Shop
from mx_pipeline_tests.fakes.clinic import Clinic, a_clinic, mx, synthetic_mx

__all__ = ["a_clinic", "mx", "shop", "synthetic_mx"]


@pytest.fixture
def shop(a_clinic: Callable[..., Clinic]) -> Shop:
    return Shop(a_clinic())
