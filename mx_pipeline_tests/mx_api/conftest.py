"""A vendor on a real port and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from mx_pipeline.mx_api import Call, CallLimits, MxClient
from mx_pipeline_tests.mx_api.samples import OURS
from mx_pipeline_tests.mx_api.vendor import Vendor

CANARY_KEY = "CanaryKeyAAAAAAAAAAAAAAA"
CANARY_SECRET = "canary/Secret+with:colon="
QUICK = CallLimits(backoff_base_seconds=0.001, backoff_cap_seconds=0.002)


class Told(list[Call]):
    """The calls that a client told of."""

    @property
    def outcomes(self) -> list[str]:
        return [call.outcome for call in self]


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with Vendor() as vendor:
        yield vendor


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def slept() -> list[float]:
    """The pauses between tries; none is really made."""
    return []


@pytest.fixture
def a_client(vendor: Vendor, told: Told, slept: list[float]) -> Iterator[Callable[..., MxClient]]:
    clients: list[MxClient] = []

    def make(**changes: object) -> MxClient:
        settings: dict[str, object] = {
            "base_url": vendor.url,
            "consumer_key": CANARY_KEY,
            "consumer_secret": CANARY_SECRET,
            "merchant_id": OURS,
            "limits": QUICK,
            "on_call": told.append,
            "sleep": slept.append,
        }
        clients.append(MxClient(**(settings | changes)))  # type: ignore[arg-type]
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(a_client: Callable[..., MxClient]) -> MxClient:
    return a_client()
