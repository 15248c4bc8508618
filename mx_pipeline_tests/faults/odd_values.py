"""Arranges single odd values in the records of a clinic, and reads back what was stored of them."""

from __future__ import annotations

from typing import Any

import msgspec

from mx_pipeline.synthetic_mx import faults
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

WITHOUT = object()
"""In the place of a value: the field is not sent."""


def raw(text: str) -> msgspec.Raw:
    """JSON exactly so."""
    return msgspec.Raw(text.encode())


def with_values(clinic: Clinic, field: str, values: list[Any]) -> list[int]:
    """One QuickPay payment for each value; its field goes out as that, in the list and alone."""
    ids = clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay"} for _ in values))
    told = dict(zip(ids, values, strict=True))

    def edit(record: dict[str, Any]) -> dict[str, Any]:
        value = told.get(record["id"])
        if value is None and record["id"] not in told:
            return record
        kept = {key: held for key, held in record.items() if key != field}
        return kept if value is WITHOUT else {**kept, field: value}

    for endpoint in ("payments", "payment"):
        clinic.mx.answers(faults.edits(edit, endpoint=endpoint, merchant_id=MERCHANT))
    return ids


def stored(clinic: Clinic, column: str) -> dict[int, Any]:
    rows = clinic.rows(f"SELECT mx_payment_id, {column} FROM mx.payments WHERE merchant_id = :m", m=MERCHANT)
    return {row[0]: row[1] for row in rows}
