"""A clinic in the synthetic MX, registered in a warehouse of its own, and someone who syncs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.sync.orders import ALL_PHASES, Phase, SyncReport
from mx_pipeline.synthetic_mx import KeyPair, SyntheticMx
from mx_pipeline.warehouse.requests import SyncRequest
from mx_pipeline_tests.fakes import oracle
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

QUICK = CallLimits(
    backoff_base_seconds=0.01,
    backoff_cap_seconds=0.05,
    connect_timeout_seconds=10,
    recheck_seconds=0.05,
    outage_patience_seconds=30,
    cool_down_seconds=0.02,
    cool_down_cap_seconds=0.1,
)
"""No pause is long; but whoever has to be outlasted is, however slow this machine is."""
GIVES_UP = msgspec.structs.replace(QUICK, outage_patience_seconds=0.8)
"""For a vendor that never comes back."""


class Clinic:
    """One merchant on both sides, with verbs."""

    def __init__(
        self,
        mx: SyntheticMx,
        warehouse: WarehouseUnderTest,
        merchant_id: int,
        *,
        key: KeyPair,
        url: str | None = None,
        limits: CallLimits = QUICK,
    ) -> None:
        """`url`: where the vendor is looked for; the synthetic MX itself unless something stands in between."""
        self.mx, self.warehouse, self.merchant_id, self.key = mx, warehouse, merchant_id, key
        urls = {"sandbox": url or mx.url, "production": url or mx.url}
        self.answerer = Answerer(warehouse.loader, warehouse.sealer, urls, "test", limits=limits)

    def sync(
        self,
        mode: str = "full",
        *,
        latest: int | None = None,
        phases: frozenset[Phase] = ALL_PHASES,
        **asked: Any,
    ) -> SyncReport:
        self.mx.reset_calls()
        emergency = {"emergency": True, "reason": "a test"} if latest and latest > 100 else {}
        request = SyncRequest(
            "operator:test",
            "command",
            mode="latest" if latest else mode,
            latest=latest,
            **emergency,
            **asked,
        )
        return self.answerer.ask_and_answer(self.merchant_id, request, phases=phases)

    def differences(self) -> list[str]:
        """Everything in which the warehouse is not exactly what MX holds."""
        return oracle.differences(
            oracle.payments_in(self.warehouse, self.merchant_id),
            oracle.true_payments(self.mx, self.merchant_id),
        ) + oracle.differences(
            oracle.invoices_in(self.warehouse, self.merchant_id),
            oracle.true_invoices(self.mx, self.merchant_id),
        )

    def rows(self, statement: str, **parameters: object) -> list[Any]:
        return self.warehouse.rows(statement, **parameters)


@pytest.fixture(scope="session")
def synthetic_mx() -> Iterator[SyntheticMx]:
    with SyntheticMx.in_thread() as mx:
        yield mx


@pytest.fixture
def mx(synthetic_mx: SyntheticMx) -> Iterator[SyntheticMx]:
    """The synthetic MX, with nothing in it that an earlier test left."""
    yield synthetic_mx
    synthetic_mx.answers_truthfully()
    synthetic_mx.reset_calls()


@pytest.fixture
def a_clinic(mx: SyntheticMx, warehouse: WarehouseUnderTest) -> Iterator[Any]:
    """Make one: `a_clinic(payments=200)`; several with different ids."""
    made: list[int] = []

    def make(
        merchant_id: int = MERCHANT,
        *,
        payments: int = 0,
        timezone: str = "America/Chicago",
        seed: int = 1,
        url: str | None = None,
        limits: CallLimits = QUICK,
    ) -> Clinic:
        key = mx.add_merchant(merchant_id, payments=payments, timezone=timezone, seed=seed)
        made.append(merchant_id)
        warehouse.has_merchant(
            merchant_id, key=key.consumer_key, secret=key.consumer_secret, timezone=timezone
        )
        return Clinic(mx, warehouse, merchant_id, key=key, url=url, limits=limits)

    yield make
    for merchant_id in made:
        mx.remove_merchant(merchant_id)
