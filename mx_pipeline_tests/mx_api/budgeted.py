"""A merchant in the synthetic MX whose calls all pass through one budget, and the verbs to load it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from mx_pipeline.errors import MxApiError
from mx_pipeline.mx_api import Call, CallLimits, MxClient
from mx_pipeline.mx_api.budget import Budget
from mx_pipeline.mx_api.merchant_gate import MerchantGate
from mx_pipeline.mx_api.pacing import Pace, Quota
from mx_pipeline.synthetic_mx import SyntheticMx

QUICK = CallLimits(
    backoff_base_seconds=0.001, backoff_cap_seconds=0.002, cool_down_seconds=0.05, outage_patience_seconds=30
)
ONE_TRY = CallLimits(tries=1, cool_down_seconds=0.05, backoff_base_seconds=0.001, backoff_cap_seconds=0.002)


class Clinic:
    """Its payments are asked for one by one."""

    def __init__(
        self,
        mx: SyntheticMx,
        merchant_id: int,
        *,
        limits: CallLimits = QUICK,
        start: float = 8,
        ceiling: int = 8,
        budget: Budget | None = None,
        pace: Pace | None = None,
        quota: Quota | None = None,
    ) -> None:
        key = mx.add_merchant(merchant_id)
        self.ids = mx.has_payments(merchant_id, *({} for _ in range(20)))
        self.mx, self.merchant_id = mx, merchant_id
        self.calls: list[Call] = []
        self.budget = budget or Budget(limits, start=start, ceiling=ceiling)
        self.client = MxClient(
            base_url=mx.url,
            consumer_key=key.consumer_key,
            consumer_secret=key.consumer_secret,
            merchant_id=merchant_id,
            limits=limits,
            on_call=self.calls.append,
            gate=MerchantGate(self.budget, ceiling=ceiling, pace=pace, quota=quota),
        )

    def asks(self, payment_id: int | None = None) -> str:
        """One payment; what came of it."""
        try:
            self.client.get_payment(payment_id or self.ids[0])
        except MxApiError as error:
            return error.code
        return "ok"

    def asks_for_many(self, calls: int, *, threads: int = 32) -> list[str]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda n: self.asks(self.ids[n % len(self.ids)]), range(calls)))

    @property
    def starts(self) -> Sequence[float]:
        """When the calls went out, in their order."""
        return sorted(call.sent_at for call in self.calls)
