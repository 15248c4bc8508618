"""A process of its own that uses a credential: `python -m … SETTINGS`, where settings are one JSON object."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import make_url

from mx_pipeline.errors import MxApiError
from mx_pipeline.mx_api import Call, CallLimits, MxClient
from mx_pipeline.sealing import SealingKey
from mx_pipeline.sync.shared_budgets import SharedBudgets
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import LOADER_ROLE, Logins

LIMITS = CallLimits(backoff_base_seconds=0.01, backoff_cap_seconds=0.05, cool_down_seconds=0.1)


def use(
    warehouse: Warehouse, told: dict[str, Any], *, goes_on: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Ask for one payment again and again, for some seconds and as long as `goes_on`; what came of it, and when."""
    calls: list[Call] = []
    budgets = SharedBudgets(warehouse, LIMITS)
    with (
        budgets.gate(told["merchant"], told["credential"], environment="sandbox", keep_usage=lambda: None) as gate,
        MxClient(
            base_url=told["mx"], consumer_key=told["key"], consumer_secret=told["secret"],
            merchant_id=told["merchant"], limits=LIMITS, gate=gate, on_call=calls.append,
        ) as client,
    ):  # fmt: skip
        until = time.monotonic() + told["seconds"]

        def ask_on(_: int) -> None:
            while time.monotonic() < until or goes_on():
                try:
                    client.get_payment(told["payment"])
                except MxApiError:
                    return

        with ThreadPoolExecutor(16) as pool:
            list(pool.map(ask_on, range(16)))
    # The monotonic clock is the machine's, so two processes' moments can be compared.
    return {
        "starts": sorted(call.sent_at for call in calls),
        "spans": [(call.sent_at, call.sent_at + call.seconds) for call in calls],
        "outcomes": [call.outcome for call in calls],
    }


def main() -> None:
    told = json.loads(sys.argv[1])
    logins = Logins(make_url(told["database"]), SealingKey.from_base64(told["sealing_key"]))
    warehouse = Warehouse(logins, LOADER_ROLE)
    print(json.dumps(use(warehouse, told)))  # noqa: T201 # that is what it is for
    warehouse.close()


if __name__ == "__main__":
    main()
