"""Changes what the syncs of one merchant may cost, as the application's role."""

from __future__ import annotations

from dataclasses import asdict, replace

from mx_pipeline.errors import BadInput
from mx_pipeline.operations.at_work import at_work
from mx_pipeline.operations.context import settings_in_force
from mx_pipeline.warehouse.audit import record
from mx_pipeline.warehouse.merchant_limits import MerchantLimits, get_limits
from mx_pipeline.warehouse.merchant_limits import set_limits as set_merchant_limits
from mx_pipeline.warehouse.merchants import get_merchant

NONE = "none"
LONGEST_NUMBER = 10
"""Digits; enough for any quota."""


def set_limits(
    merchant_id: int,
    *,
    calls_in_flight: int | None,
    calls_per_second: str | None,
    delay: float | None,
    quota: str | None,
    interval: str | None,
    timezone: str | None,
) -> str:
    """Change what is given, and say what is in force now. Raises BadInput."""
    with settings_in_force() as settings, at_work(settings) as here:
        here.require("config.update", merchant_id)
        with here.merchant(merchant_id) as tenant:
            limits = before = get_limits(tenant)
            if calls_in_flight is not None:
                limits = replace(limits, calls_in_flight=calls_in_flight)
            if calls_per_second is not None:
                limits = replace(limits, calls_per_second=_number(calls_per_second, "--calls-per-second"))
            if delay is not None:
                limits = replace(limits, delay_seconds=delay)
            if quota is not None:
                limits = replace(limits, calls_per_day=_count(quota, "--quota"))
            if interval is not None:
                limits = replace(limits, interval_minutes=_count(interval, "--interval"))
            set_merchant_limits(tenant, limits, timezone=timezone)
            merchant = get_merchant(tenant)
            if limits != before or timezone is not None:
                detail = asdict(limits) | {"timezone": merchant.timezone}
                record(tenant, actor=here.person.actor, action="merchant.changed", detail=detail)
    return f"merchant {merchant_id}: {_in_words(limits)}; its days begin in {merchant.timezone}"


def _number(text: str, option: str) -> float | None:
    if text.strip().lower() == NONE:
        return None
    try:
        return float(text)
    except ValueError:
        raise BadInput(f"{option} takes a number, or none; {text!r} was given") from None


def _count(text: str, option: str) -> int | None:
    if text.strip().lower() == NONE:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
        raise BadInput(f"{option} takes a whole number, or none; {text!r} was given")
    return int(text)


def _in_words(limits: MerchantLimits) -> str:
    a_second = "any number" if limits.calls_per_second is None else f"{limits.calls_per_second:g}"
    a_day = "any number" if limits.calls_per_day is None else f"{limits.calls_per_day}"
    when = (
        "as the schedule says" if limits.interval_minutes is None else f"every {limits.interval_minutes} min"
    )
    return (
        f"{limits.calls_in_flight} calls at once, {a_second} a second, {limits.delay_seconds:g} s between two, "
        f"{a_day} a day; synced {when}"
    )
