"""The way to the vendor with a merchant's key: unsealed on the record, within the budget of all who use it."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mx_pipeline.errors import BadSettings, MxCredentialsRefused
from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.mx_api.client import MxClient
from mx_pipeline.mx_api.merchant_gate import MerchantGate
from mx_pipeline.sealing import Sealer
from mx_pipeline.settings import CANARY, NEIGHBOUR
from mx_pipeline.sync.shared_budgets import SharedBudgets
from mx_pipeline.sync.work import CallCount
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.budgets import keep_usage
from mx_pipeline.warehouse.connections import Tenant, Warehouse
from mx_pipeline.warehouse.merchants import Credentials, Merchant, get_credentials
from mx_pipeline.warehouse.patience import patiently
from mx_pipeline.warehouse.requests import Claimed
from mx_pipeline.words import MxEnvironment, mx_environment

KEY_REFUSED = (
    "MX Merchant refused the key of merchant {0}, and the schedule does not ask with it again; set the new one with "
    "mx-pipeline merchants set-key {0}"
)


@dataclass(frozen=True)
class Vendor:
    """What all syncs of a process share on their way to it."""

    warehouse: Warehouse
    sealer: Sealer
    urls: Mapping[MxEnvironment, str]
    canary_url: str | None
    """The vendor of the two canary merchants, and of nobody else."""
    limits: CallLimits
    budgets: SharedBudgets

    @contextmanager
    def asked(
        self, merchant: Merchant, credentials: Credentials, claimed: Claimed, calls: CallCount, *, name: str
    ) -> Generator[tuple[MxClient, MerchantGate]]:
        """A client, and the gate that its calls go through. `name`: who asks. Raises BadSettings, WarehouseError."""
        base_url, merchant_id = self._url(merchant), merchant.merchant_id

        def key_now() -> tuple[str, str]:
            _, now = self.opened_key(merchant_id, claimed, name=name)
            return now.consumer_key, now.consumer_secret

        def keep() -> None:
            with self.warehouse.merchant(merchant_id) as tenant:
                keep_usage(tenant, claimed.request_id, calls.calls.copy())

        with (
            self.budgets.gate(
                merchant_id,
                self.sealer.current.credential_name(credentials.consumer_key, base_url),
                environment=merchant.environment,
                keep_usage=keep,
            ) as gate,
            MxClient(
                base_url=base_url,
                consumer_key=credentials.consumer_key,
                consumer_secret=credentials.consumer_secret,
                merchant_id=merchant_id,
                limits=self.limits,
                on_call=calls,
                gate=gate,
                key_now=key_now,
            ) as client,
        ):
            yield client, gate

    def opened_key(self, merchant_id: int, claimed: Claimed, *, name: str) -> tuple[Merchant, Credentials]:
        """The key leaves its seal once a sync, and again where it was replaced; that goes on the record.

        For the schedule this is the whole record: who asked and how is said with it, in one entry a sync.
        Raises MxCredentialsRefused where MX has refused the key and the schedule asks, WarehouseError.
        """
        is_scheduled = claimed.request.asked_through == "schedule"

        def opened(tenant: Tenant) -> tuple[Merchant, Credentials]:
            merchant, credentials = get_credentials(tenant, self.sealer)
            if is_scheduled and merchant.credentials_refused_at is not None:
                raise MxCredentialsRefused(KEY_REFUSED.format(merchant_id))
            record(
                tenant,
                actor=f"process:{name}",
                action="credential.used",
                subject=f"request {claimed.request_id}",
                detail={"through": "schedule", "mode": claimed.request.mode} if is_scheduled else {},
            )
            return merchant, credentials

        return patiently(self.warehouse, merchant_id, opened)

    def _url(self, merchant: Merchant) -> str:
        """Which world a merchant lives in is its row's to say; that it is a canary, its number's alone."""
        if merchant.merchant_id not in (CANARY, NEIGHBOUR):
            return self.urls[mx_environment(merchant.environment)]
        if self.canary_url is None:
            raise BadSettings("MX_CANARY_URL is not set for the process that answers the canary")
        return self.canary_url
