"""One partition per active merchant; its key is MX Merchant's number as text."""

from __future__ import annotations

import dagster as dg

merchants = dg.DynamicPartitionsDefinition(name="merchants")


def partition_of(merchant_id: int) -> str:
    """The partition of a merchant."""
    return str(merchant_id)


def merchant_of(partition: str) -> int:
    """The merchant of a partition."""
    return int(partition)
