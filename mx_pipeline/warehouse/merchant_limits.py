"""What one merchant allows the syncs of its data: how often, calls at once, a second, a day, the pause between two."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.connections import Tenant
from mx_pipeline.warehouse.merchants import unknown

MOST_IN_FLIGHT = 32
"""As many connections as a client keeps."""
MOST_PER_SECOND = 1000
LONGEST_DELAY_SECONDS = 60
MOST_PER_DAY = 2**31 - 1
LONGEST_INTERVAL_MINUTES = 7 * 24 * 60


@dataclass(frozen=True)
class MerchantLimits:
    """The vendor documents no limit, so these are the merchant's own."""

    calls_in_flight: int = 16
    """Where the growth of the budget ends."""
    calls_per_second: float | None = None
    delay_seconds: float = 0
    """The least time between the beginnings of two calls."""
    calls_per_day: int | None = None
    """In the merchant's own days."""
    interval_minutes: int | None = None
    """Between two syncs that the schedule asks for; None: as the schedule itself says."""

    def check(self) -> None:
        """Raise BadInput where one of them is out of its range."""
        _within("calls in flight", self.calls_in_flight, 1, MOST_IN_FLIGHT)
        _within("the delay in seconds", self.delay_seconds, 0, LONGEST_DELAY_SECONDS)
        if self.calls_per_second is not None:
            _within("calls per second", self.calls_per_second, 0.01, MOST_PER_SECOND)
        if self.calls_per_day is not None:
            _within("the quota of calls a day", self.calls_per_day, 1, MOST_PER_DAY)
        if self.interval_minutes is not None:
            _within("the interval in minutes", self.interval_minutes, 1, LONGEST_INTERVAL_MINUTES)


def get_limits(tenant: Tenant) -> MerchantLimits:
    """The limits in force. Raises UnknownMerchant."""
    row = tenant.run("merchants", "limits").one_or_none()
    if row is None:
        raise unknown(tenant.merchant_id)
    return MerchantLimits(
        calls_in_flight=row.calls_in_flight,
        calls_per_second=row.calls_per_second,
        delay_seconds=row.delay_seconds,
        calls_per_day=row.calls_per_day,
        interval_minutes=row.interval_minutes,
    )


def set_limits(tenant: Tenant, limits: MerchantLimits, *, timezone: str | None = None) -> None:
    """Put others in force, from the next sync on. `timezone`: an IANA name; None leaves it.

    Raises BadInput, UnknownMerchant.
    """
    limits.check()
    changed = tenant.run(
        "merchants",
        "set_limits",
        calls_in_flight=limits.calls_in_flight,
        calls_per_second=limits.calls_per_second,
        delay_seconds=limits.delay_seconds,
        calls_per_day=limits.calls_per_day,
        interval_minutes=limits.interval_minutes,
        timezone=timezone,
    )
    if changed.one_or_none() is None:
        raise unknown(tenant.merchant_id)


def _within(name: str, value: float, least: float, most: float) -> None:
    if not (math.isfinite(value) and least <= value <= most):
        raise BadInput(f"{name} must be from {least:g} to {most:,.0f}; {value:g} was given")
