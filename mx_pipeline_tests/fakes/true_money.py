"""What a merchant truly earned, added up from what the synthetic MX knows: the views of money have to say the same."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from mx_pipeline.synthetic_mx.handle import SyntheticMx

FIGURES = ("sales", "gross", "surcharge", "tax", "refunds", "refunded", "refunded_surcharge", "refunded_tax", "voids",
           "voided", "chargebacks", "charged_back")  # fmt: skip


def true_months(mx: SyntheticMx, merchant_id: int, zone: str) -> dict[date, dict[str, Decimal]]:
    """Each month in which money moved, in the merchant's zone, with its figures; months without any are left out."""
    months: dict[date, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(FIGURES, Decimal(0)))
    for true in mx.truth(merchant_id):
        if true["record"] != "payment":
            continue
        counted = _counted(true)
        if counted:
            made = datetime.fromisoformat(true["created"]).astimezone(ZoneInfo(zone))
            month = months[made.date().replace(day=1)]
            for name, amount in counted.items():
                month[name] += amount
    return {month: {**told, **_derived(told)} for month, told in months.items()}


def _counted(true: dict[str, Any]) -> dict[str, Decimal]:
    """The figures that one payment adds to."""
    amount, surcharge, tax = (abs(Decimal(true[name])) for name in ("amount", "surchargeAmount", "tax"))
    match true["type"], true["status"]:
        case "Return", "Approved" | "Settled":
            return {
                "refunds": Decimal(1),
                "refunded": amount,
                "refunded_surcharge": surcharge,
                "refunded_tax": tax,
            }
        case "Sale", "Approved" | "Settled":
            return {"sales": Decimal(1), "gross": amount, "surcharge": surcharge, "tax": tax}
        case "Sale", "Voided":
            return {"voids": Decimal(1), "voided": amount}
        case "Sale", "Chargedback":
            return {"chargebacks": Decimal(1), "charged_back": amount}
        case _:
            return {}


def _derived(told: dict[str, Decimal]) -> dict[str, Decimal]:
    net = told["gross"] - told["refunded"]
    contained = told["surcharge"] + told["tax"] - told["refunded_surcharge"] - told["refunded_tax"]
    return {"net": net, "earned": net - contained}
