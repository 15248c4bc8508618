"""
One server for all tests of this folder; each test that changes anything makes a merchant of its own.
"""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline_tests.synthetic_mx.client import Reader

POPULATION = 2_000


class Clinic:
    """A merchant with a reader that holds its key, and the server's verbs for it."""

    def __init__(self, mx: SyntheticMx, merchant_id: int, reader: Reader) -> None:
        self.mx = mx
        self.id = merchant_id
        self.reader = reader

    def payment_ids(self) -> list[int]:
        return [payment["id"] for payment in self.reader.all("payment")]

    def has_payment(self, **fields: Any) -> int:
        return self.mx.has_payments(self.id, fields)[0]

    def has_invoice(self, **fields: Any) -> int:
        return self.mx.has_invoices(self.id, fields)[0]

    def truth(self, record: str) -> dict[int, dict[str, Any]]:
        return {one["id"]: one for one in self.mx.truth(self.id) if one["record"] == record}


@pytest.fixture(scope="session")
def mx() -> Iterator[SyntheticMx]:
    with SyntheticMx.in_thread(port=0) as server:
        yield server


@pytest.fixture(scope="session")
def _numbers() -> Iterator[int]:
    return count(1_000_000_100)


@pytest.fixture
def clinic(mx: SyntheticMx, _numbers: Iterator[int]) -> Iterator[Callable[..., Clinic]]:
    readers: list[Reader] = []

    def make(**inputs: Any) -> Clinic:
        merchant_id = next(_numbers)
        readers.append(Reader(mx, mx.add_merchant(merchant_id, **inputs)))
        return Clinic(mx, merchant_id, readers[-1])

    yield make
    for reader in readers:
        reader.close()


@pytest.fixture(scope="session")
def town(mx: SyntheticMx) -> Iterator[Clinic]:
    """A merchant of 2,000 payments that no test changes."""
    reader = Reader(mx, mx.add_merchant(1_000_000_001, payments=POPULATION))
    yield Clinic(mx, 1_000_000_001, reader)
    reader.close()


@pytest.fixture(scope="session")
def listed(town: Clinic) -> list[dict[str, Any]]:
    return town.reader.all("payment")


@pytest.fixture(scope="session")
def detailed(town: Clinic, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return town.reader.details("payment", [payment["id"] for payment in listed])


@pytest.fixture(scope="session")
def listed_invoices(town: Clinic) -> list[dict[str, Any]]:
    return town.reader.all("invoice")


@pytest.fixture(scope="session")
def invoices(town: Clinic, listed_invoices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return town.reader.details("invoice", [invoice["id"] for invoice in listed_invoices])
