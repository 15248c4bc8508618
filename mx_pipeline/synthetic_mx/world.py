"""
Everything this server remembers: merchants, keys, behaviour, rules, calls. It knows no HTTP.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import date
from typing import Any, Final

import msgspec

from mx_pipeline.synthetic_mx.advancing import advance_one_day, receive
from mx_pipeline.synthetic_mx.behaviour import Behaviour, Rule
from mx_pipeline.synthetic_mx.calls import CallLog
from mx_pipeline.synthetic_mx.keys import KeyPair, KeyRing, derived_key
from mx_pipeline.synthetic_mx.merchant import Merchant, Shelf

DEFAULT_AS_OF: Final = date(2025, 10, 31)
"""A fixed day, so that a merchant is the same tomorrow."""
DEFAULT_DAYS: Final = 90
BODIES_KEPT_BYTES: Final = 32_000_000


class UnknownMerchantError(LookupError):
    """No such merchant on this server."""


class World:
    def __init__(self) -> None:
        self.merchants: dict[int, Merchant] = {}
        self.keys = KeyRing()
        self.behaviour = Behaviour()
        self.behaviours: dict[int, Behaviour] = {}
        self.rules: list[Rule] = []
        self.calls = CallLog()
        self.subscriptions: dict[int, list[dict[str, Any]]] = {}
        self.bodies = BodyCache()
        self._shelf = Shelf()
        self._seeds: dict[int, tuple[int, int]] = {}

    def add_merchant(
        self,
        merchant_id: int,
        *,
        seed: int = 1,
        payments: int = 0,
        timezone: str = "America/New_York",
        as_of: date = DEFAULT_AS_OF,
        days: int = DEFAULT_DAYS,
        walk_ins_only: bool = False,
        consumer_key: str | None = None,
        consumer_secret: str | None = None,
    ) -> KeyPair:
        """Make this merchant, in place of the one that had its number."""
        if payments < 0 or days < 1:
            raise ValueError("payments must be 0 or more, days 1 or more")
        merchant = Merchant(
            merchant_id,
            seed=seed,
            payments=payments,
            timezone=timezone,
            as_of=as_of,
            days=days,
            walk_ins_only=walk_ins_only,
            shelf=self._shelf,
        )
        derived = derived_key(merchant_id, seed)
        key = KeyPair(consumer_key or derived.consumer_key, consumer_secret or derived.consumer_secret)
        self.keys.revoke(merchant_id)
        self.keys.add(key, merchant_id)
        self.merchants[merchant_id] = merchant
        self.subscriptions.pop(merchant_id, None)
        self._seeds[merchant_id] = (seed, 0)
        return key

    def remove_merchant(self, merchant_id: int) -> None:
        self.merchant(merchant_id)
        del self.merchants[merchant_id]
        self.keys.revoke(merchant_id)
        self.behaviours.pop(merchant_id, None)

    def merchant(self, merchant_id: int) -> Merchant:
        try:
            return self.merchants[merchant_id]
        except KeyError as error:
            raise UnknownMerchantError(
                f"no merchant {merchant_id}: POST /__admin/merchants makes one"
            ) from error

    def new_key(
        self, merchant_id: int, *, consumer_key: str | None = None, consumer_secret: str | None = None,
        revoke_old: bool = True,
    ) -> KeyPair:  # fmt: skip
        """Another key for this merchant; the old ones stop at once, or stay valid beside it."""
        self.merchant(merchant_id)
        seed, generation = self._seeds[merchant_id]
        self._seeds[merchant_id] = (seed, generation + 1)
        derived = derived_key(merchant_id, seed, generation + 1)
        key = KeyPair(consumer_key or derived.consumer_key, consumer_secret or derived.consumer_secret)
        if revoke_old:
            self.keys.revoke(merchant_id)
        self.keys.add(key, merchant_id)
        return key

    def behave(self, merchant_id: int | None = None, **changes: Any) -> Behaviour:
        """Change how the server behaves, or how it does for one merchant; what is not named stays."""
        current = self.behaviour_for(merchant_id)
        wished = msgspec.convert({**msgspec.structs.asdict(current), **changes}, Behaviour)
        if merchant_id is None:
            self.behaviour = wished
        else:
            self.merchant(merchant_id)
            self.behaviours[merchant_id] = wished
        return wished

    def behaviour_for(self, merchant_id: int | None) -> Behaviour:
        if merchant_id is None:
            return self.behaviour
        return self.behaviours.get(merchant_id, self.behaviour)

    def advance(self, days: int = 1, merchant_id: int | None = None) -> None:
        chosen = list(self.merchants.values()) if merchant_id is None else [self.merchant(merchant_id)]
        for _ in range(days):
            for merchant in chosen:
                advance_one_day(merchant)

    def settle(self, merchant_id: int) -> None:
        """Close the open batch without a new day."""
        merchant = self.merchant(merchant_id)
        merchant.close_batches(all_of_them=True)
        merchant.changed()

    def receive(self, merchant_id: int, payments: int) -> None:
        receive(self.merchant(merchant_id), payments)

    def listed_payments(self, merchant: Merchant) -> None:
        """A payment list was answered: the moment for payments that come in between two pages."""
        behaviour = self.behaviour_for(merchant.id)
        if not behaviour.drift_payments:
            return
        merchant.lists_until_drift = (merchant.lists_until_drift or behaviour.drift_after_calls) - 1
        if merchant.lists_until_drift > 0:
            return
        merchant.lists_until_drift = None
        self.behave(merchant.id, drift_payments=0, drift_after_calls=0)
        receive(merchant, behaviour.drift_payments)


class BodyCache:
    """Encoded bodies, the latest asked for, up to a number of bytes."""

    def __init__(self) -> None:
        self._bodies: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._size = 0

    def get(self, key: tuple[Any, ...], make: Callable[[], bytes]) -> bytes:
        body = self._bodies.get(key)
        if body is not None:
            self._bodies.move_to_end(key)
            return body
        body = self._bodies[key] = make()
        self._size += len(body)
        while self._size > BODIES_KEPT_BYTES:
            _, old = self._bodies.popitem(last=False)
            self._size -= len(old)
        return body
