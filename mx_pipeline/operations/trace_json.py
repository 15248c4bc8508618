"""The one JSON object of `trace --json`. Amounts are text, moments ISO 8601, and no person is in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mx_pipeline.operations.trace_words import MAIN_PRODUCT_RULE, why_linked, why_not_linked

if TYPE_CHECKING:
    from mx_pipeline.warehouse.tracing import Row, Trace

TOLD = ("amount", "status", "refunded_amount", "settled_amount")
OF_THE_PAYMENT = (
    "created", "amount", "status", "type", "source", "tender_type", "refunded_amount", "settled_amount",
    "surcharge_amount", "invoice_number", "invoice_ids", "original_payment_id", "observed_at",
    "detail_observed_at", "changed_at", "vanished_at",
)  # fmt: skip
OF_A_RUN = (
    "run_id", "mode", "outcome", "message", "started_at", "finished_at", "dagster_run_id", "request_id",
    "asked_through", "asked_by",
)  # fmt: skip


def as_json_object(found: Trace) -> dict[str, object]:
    """Every part is always there; what is not known is null or empty."""
    payment = found.payment
    return {
        "merchant_id": found.merchant_id,
        "payment_id": found.payment_id,
        "payment": None if payment is None else _some(payment, OF_THE_PAYMENT),
        "first_seen": None if payment is None else _moment(found, payment["first_seen_at"]),
        "changes": [
            {**_moment(found, change["changed_at"]), "fields": _fields(change)} for change in found.history
        ],
        "vanished": _moment(found, payment["vanished_at"]) if payment and payment["vanished_at"] else None,
        "link": _link(found),
        "product": _product(found),
        "category": {
            "name": payment["product_category"] if payment else None,
            "source": payment["category_source"] if payment else None,
            "rule_id": payment["category_rule_id"] if payment else None,
            "confidence": _value(payment["category_confidence"]) if payment else None,
            "decided_by": payment["category_decided_by"] if payment else None,
            "decided_at": _value(payment["category_decided_at"]) if payment else None,
            "changes": [_plain(change) for change in found.categories],
        },
        "quarantine": [_plain(row) for row in found.set_aside],
    }


def _moment(found: Trace, at: datetime) -> dict[str, object]:
    run = found.runs.get(at)
    if run is None:
        return {"at": at.isoformat(), "run": None}
    kept = found.pages.get(run["run_id"])
    pages = {} if kept is None else {"pages_kept": [_plain(page) for page in kept]}
    return {"at": at.isoformat(), "run": {**_some(run, OF_A_RUN), **pages}}


def _fields(change: Row) -> dict[str, object]:
    return {
        name: {"before": _value(change[f"{name}_before"]), "after": _value(change[name])}
        for name in TOLD
        if change[f"{name}_before"] != change[name]
    }


def _link(found: Trace) -> dict[str, object]:
    payment = found.payment or {}
    return {
        "has_invoice": bool(found.invoices),
        "basis": payment.get("link_basis"),
        "invoices": [{**_plain(one), "evidence": why_linked(found, one)} for one in found.invoices],
        "unlinked_reason": payment.get("unlinked_reason"),
        "explanation": None if found.invoices or not payment else why_not_linked(found),
    }


def _product(found: Trace) -> dict[str, object]:
    lines = [_plain(line) for line in found.lines]
    return {
        "name": found.payment["product_name"] if found.payment else None,
        "rule": MAIN_PRODUCT_RULE,
        "line": lines[0] if lines else None,
        "losing_lines": lines[1:],
    }


def _some(row: Row, names: tuple[str, ...]) -> dict[str, object]:
    return {name: _value(row[name]) for name in names}


def _plain(row: Mapping[str, Any]) -> dict[str, object]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
