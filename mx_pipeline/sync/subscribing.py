"""Has MX ring for a merchant, at an address that only MX and we know; mends what is missing of it."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from mx_pipeline.errors import MxContractBroken
from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.mx_api.subscriptions import Subscription, Subscriptions
from mx_pipeline.sealing import Sealer
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.connections import Tenant, Warehouse
from mx_pipeline.warehouse.merchants import get_credentials
from mx_pipeline.warehouse.webhook_keys import (
    PATH,
    is_good,
    issue_key,
    key_in,
    mark_repaired,
    retire_keys,
    want,
    want_no_more,
)
from mx_pipeline.words import MxEnvironment, mx_environment

EVENTS = ("PaymentSuccess", "PaymentFail", "RefundCreated", "Chargeback", "BatchClosed")
"""What changes a payment. The other events name none (`mx_api.md` 4.2)."""
LIMITS = CallLimits(total_deadline_seconds=15)


@dataclass(frozen=True)
class Subscribed:
    """How a merchant's subscriptions stand."""

    events: Sequence[str]
    """Those that MX rings for, at an address of ours with a good key."""
    stale: int
    """Subscriptions at an address of ours with a key that is good no more."""
    others: int
    """Somebody else's, at other addresses."""

    @property
    def missing(self) -> list[str]:
        """Events that MX does not ring for."""
        return [event for event in EVENTS if event not in self.events]


@dataclass(frozen=True)
class Subscriber:
    """Whoever may open a merchant's key; as the loader."""

    warehouse: Warehouse
    sealer: Sealer
    mx_urls: Mapping[MxEnvironment, str]
    public_url: str
    """Scheme and host under which MX reaches this installation."""
    actor: str
    """On whose behalf."""
    limits: CallLimits = field(default=LIMITS)

    def verify(self, merchant_id: int) -> Subscribed:
        """Look, and change nothing. Raises MxApiError, WarehouseError."""
        with self._vendor(merchant_id) as vendor:
            return self._standing(merchant_id, vendor.listed())

    def enable(self, merchant_id: int) -> Subscribed:
        """From now on MX rings. Safe to repeat. Raises MxApiError, WarehouseError."""
        with self.warehouse.merchant(merchant_id) as tenant:
            want(tenant)
        return self.repair(merchant_id)

    def repair(self, merchant_id: int, *, anew: bool = False) -> Subscribed:
        """Ask for what is missing. `anew`: for everything, with another key; the last one stays good beside it."""
        with self._vendor(merchant_id) as vendor:
            listed = vendor.listed()
            key = None if anew else self._good_key(merchant_id, listed)
            if key is None:
                key = self._new_key(merchant_id)
            url = f"{self.public_url}{PATH}{key}"
            ringing = {one.event for one in listed if one.callback_url == url and one.sends}
            refused = [event for event in EVENTS if event not in ringing and not vendor.add(event, url)]
            self._remove_ours(vendor, [one for one in listed if one.callback_url != url or not one.sends])
            for event in refused:
                # A duplicate of the one that was just removed, where MX allows one for each event.
                vendor.add(event, url)
            standing = self._standing(merchant_id, vendor.listed())
        if standing.missing:
            raise MxContractBroken(
                f"MX took the subscriptions of merchant {merchant_id}, and does not list "
                f"{', '.join(standing.missing)}; try again: mx-pipeline webhooks repair {merchant_id}, and ask MX's "
                "support if it stays so"
            )
        with self.warehouse.merchant(merchant_id) as tenant:
            mark_repaired(tenant)
        return standing

    def disable(self, merchant_id: int) -> None:
        """MX rings no more, and no key is good any more. Raises MxApiError, WarehouseError."""
        with self.warehouse.merchant(merchant_id) as tenant:
            want_no_more(tenant)
        with self._vendor(merchant_id) as vendor:
            self._remove_ours(vendor, vendor.listed())
        with self.warehouse.merchant(merchant_id) as tenant:
            retire_keys(tenant)
            record(tenant, actor=self.actor, action="webhook.removed", detail={"keys": "all"})

    def _standing(self, merchant_id: int, listed: Sequence[Subscription]) -> Subscribed:
        ours = [one for one in listed if self._key(one) is not None]
        with self.warehouse.merchant(merchant_id) as tenant:
            good = [one for one in ours if one.sends and is_good(tenant, self._key(one) or "")]
        ringing = {one.event for one in good}
        return Subscribed(
            [event for event in EVENTS if event in ringing], len(ours) - len(good), len(listed) - len(ours)
        )

    def _good_key(self, merchant_id: int, listed: Sequence[Subscription]) -> str | None:
        """The vendor alone still knows a key that was issued; we keep its hash."""
        with self.warehouse.merchant(merchant_id) as tenant:
            keys = {key for one in listed if (key := self._key(one)) and is_good(tenant, key)}
        return max(keys, key=lambda key: sum(self._key(one) == key for one in listed), default=None)

    def _new_key(self, merchant_id: int) -> str:
        with self.warehouse.merchant(merchant_id) as tenant:
            key = issue_key(tenant, created_by=self.actor)
            record(tenant, actor=self.actor, action="webhook.added", detail={"events": list(EVENTS)})
        return key

    def _remove_ours(self, vendor: Subscriptions, listed: Sequence[Subscription]) -> None:
        for one in listed:
            if self._key(one) is not None:
                vendor.remove(one.id)

    def _key(self, subscription: Subscription) -> str | None:
        return key_in(subscription.callback_url, self.public_url)

    @contextmanager
    def _vendor(self, merchant_id: int) -> Generator[Subscriptions]:
        def opened(tenant: Tenant) -> Subscriptions:
            merchant, credentials = get_credentials(tenant, self.sealer)
            record(tenant, actor=self.actor, action="credential.used", subject="webhooks")
            return Subscriptions(
                base_url=self.mx_urls[mx_environment(merchant.environment)],
                consumer_key=credentials.consumer_key,
                consumer_secret=credentials.consumer_secret,
                merchant_id=merchant_id,
                limits=self.limits,
            )

        with self.warehouse.merchant(merchant_id) as tenant:
            vendor = opened(tenant)
        with vendor:
            yield vendor
