"""Three clinics that exist nowhere: made in the synthetic MX, registered with us like any other."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mx_pipeline.access import OPERATOR
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.categories import set_categories
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import APP_ROLE, logins_of
from mx_pipeline.warehouse.merchants import Credentials, add_merchant
from mx_pipeline.warehouse.requests import SyncRequest, ask, get_request

ENVIRONMENT = "sandbox"
DAYS_OF_HISTORY = 90
SEED = 7


@dataclass(frozen=True)
class DemoMerchant:
    """One invented clinic."""

    merchant_id: int
    name: str
    timezone: str
    payments: int


DEMO_MERCHANTS = (
    DemoMerchant(1_000_000_001, "Harbor Wellness", "America/New_York", 400),
    DemoMerchant(1_000_000_002, "Lakeside Clinic", "America/Chicago", 600),
    DemoMerchant(1_000_000_003, "Mesa Family Care", "America/Phoenix", 250),
)

DEMO_CATEGORIES = {
    "TRT Monthly - Testosterone Plan": "TRT",
    "TRT + HCG": "TRT",
    "Semaglutide 2.5mg/0.5ml": "Weight Loss",
    "Tirzepatide + B12": "Weight Loss",
    "NAD+ 500mg": "Peptides",
    "BPC-157 / TB-500": "Peptides",
    "Sermorelin": "Peptides",
    "Tadalafil 5mg": "ED",
    "Membership": "Other",
}
"""By exact name, as a clinic enters them; what is not here stays Uncategorized."""


def make_demo_merchants(settings: Settings, synthetic_url: str) -> None:
    """Make them in the synthetic MX and register those that are not here yet."""
    app = Warehouse(logins_of(settings), APP_ROLE)
    try:
        for merchant in DEMO_MERCHANTS:
            key = _make_in_synthetic_mx(synthetic_url, merchant)
            with app.merchant(merchant.merchant_id, person=OPERATOR) as tenant:
                add_merchant(
                    tenant,
                    settings.sealer(),
                    Credentials(key["consumer_key"], key["consumer_secret"]),
                    name=merchant.name,
                    environment=ENVIRONMENT,
                    timezone=merchant.timezone,
                )
                set_categories(tenant, DEMO_CATEGORIES, actor="operator:demo")
    finally:
        app.close()


def ask_for_demo_syncs(app: Warehouse) -> dict[int, int]:
    """Ask as anyone asks, and leave the answer to Dagster; returns merchant id to request id."""
    asked: dict[int, int] = {}
    for merchant in DEMO_MERCHANTS:
        with app.merchant(merchant.merchant_id, person=OPERATOR) as tenant:
            asked[merchant.merchant_id] = ask(tenant, SyncRequest("operator:demo", "command", mode="full"))
    return asked


def answered(app: Warehouse, asked: dict[int, int]) -> Sequence[Any]:
    """The requests among these that are done."""
    rows: list[Any] = []
    for merchant_id, request_id in asked.items():
        with app.merchant(merchant_id, person=OPERATOR) as tenant:
            row = get_request(tenant, request_id)
        if row.status == "done":
            rows.append(row)
    return rows


def _make_in_synthetic_mx(url: str, merchant: DemoMerchant) -> dict[str, str]:
    wanted = {
        "merchant_id": merchant.merchant_id,
        "seed": SEED,
        "payments": merchant.payments,
        "timezone": merchant.timezone,
        # Yesterday, so that nothing has happened in the future in any time zone.
        "as_of": (datetime.now(UTC).date() - timedelta(days=1)).isoformat(),
        "days": DAYS_OF_HISTORY,
    }
    request = urllib.request.Request(  # noqa: S310 # our own address
        f"{url}/__admin/merchants",
        data=json.dumps(wanted).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)
