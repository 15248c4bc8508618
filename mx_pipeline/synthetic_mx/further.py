"""
Lists that no payment depends on: made anew for each call, the same for the same merchant.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from mx_pipeline.synthetic_mx.listing import number
from mx_pipeline.synthetic_mx.merchant import Merchant

FURTHER: dict[str, Callable[[int], list[dict[str, Any]]]] = {}
"""By the path below `/checkout/v3/`: all records of a merchant, newest first."""


def further_page(path: str, merchant: Merchant, query: Mapping[str, str]) -> bytes:
    records = FURTHER[path](merchant.id)
    first = number(query, "offset", 0)
    return msgspec.json.encode(
        {"recordCount": len(records), "records": records[first : first + number(query, "limit", 10)]}
    )
