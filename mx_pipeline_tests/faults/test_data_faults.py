"""Odd dates, missing and unknown fields, unknown statuses: taken in exactly, or set aside."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from mx_pipeline.synthetic_mx import faults
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.faults.odd_values import WITHOUT, stored, with_values

NIL = "\ufffd"


def test_d8_dates_are_parsed_or_set_aside_and_never_now(examination: Examination) -> None:
    clinic = examination.clinic()
    good = {
        "2025-08-05T10:02:38Z": (38, 0),
        "2025-08-05T10:02:38.5Z": (38, 500_000),
        "2025-08-05T10:02:38.04Z": (38, 40_000),
        "2025-08-05T10:02:38.043Z": (38, 43_000),
        "2025-08-05T10:02:38.0431Z": (38, 43_100),
        "2025-08-05T10:02:38.043123Z": (38, 43_123),
        "2025-08-05T10:02:38.043123499Z": (38, 43_123),
        "2025-08-05T05:02:38-05:00": (38, 0),
    }
    bad = [
        "2025-08-05T10:02:38",
        "Aug 9 2018 6:21PM",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "2025-02-30T10:00:00Z",
        "",
        None,
        WITHOUT,
        1754388158,
    ]
    ids = with_values(clinic, "created", [*good, *bad])

    report = examination.sync(clinic)

    assert stored(clinic, "created") == {
        mx_id: datetime(2025, 8, 5, 10, 2, second, fraction, tzinfo=UTC)
        for mx_id, (second, fraction) in zip(ids, good.values(), strict=False)
    }
    assert report.outcome == "partial"
    assert set(examination.quarantine(clinic)) == set(ids[len(good) :])
    assert all(reason.startswith("created: ") for reason in examination.quarantine(clinic).values())
    examination.heals(clinic)
    assert examination.quarantine(clinic) == {}


@pytest.mark.parametrize(
    ("timezone", "midnight", "day"),
    [
        ("America/Chicago", "2026-03-08T06:00:00Z", date(2026, 3, 8)),
        ("America/Chicago", "2026-03-09T05:00:00Z", date(2026, 3, 9)),
        ("America/Chicago", "2025-11-02T05:00:00Z", date(2025, 11, 2)),
        ("America/Chicago", "2025-11-03T06:00:00Z", date(2025, 11, 3)),
        ("Pacific/Honolulu", "2024-02-29T10:00:00Z", date(2024, 2, 29)),
        ("Asia/Tokyo", "2024-02-28T15:00:00Z", date(2024, 2, 29)),
    ],
)
def test_d9_a_local_midnight_in_utc_is_that_day(
    examination: Examination, timezone: str, midnight: str, day: date
) -> None:
    clinic = examination.clinic(timezone=timezone)
    (invoice,) = clinic.mx.has_invoices(MERCHANT, {"invoiceDate": midnight, "dueDate": midnight})
    clinic.mx.has_payments(MERCHANT, {"invoiceIds": [invoice], "source": "Invoice"})

    report = examination.sync(clinic)

    days = "SELECT invoice_date, due_date FROM mx.invoices WHERE merchant_id = :m"
    assert clinic.rows(days, m=MERCHANT) == [(day, day)]
    examination.is_whole(clinic, report)


def test_d10_optional_fields_may_be_missing_and_required_ones_may_not(examination: Examination) -> None:
    clinic = examination.clinic(payments=8)
    rows = clinic.mx.whole_list(MERCHANT, "payments")
    bare, all_null, no_status, no_amount = (row["id"] for row in rows[-4:])

    def edit(record: dict[str, Any]) -> dict[str, Any]:
        match record["id"]:
            case mx_id if mx_id == bare:
                return {key: record[key] for key in ("id", "created", "amount", "status")}
            case mx_id if mx_id == all_null:
                return {**dict.fromkeys(record), "id": mx_id}
            case mx_id if mx_id == no_status:
                return {**record, "status": None}
            case mx_id if mx_id == no_amount:
                return {key: value for key, value in record.items() if key != "amount"}
            case _:
                return {
                    **record,
                    "loyaltyPoints": 7,
                    "cardAccount": {"last4": "1111", "wallet": {"kind": "x"}},
                }

    for endpoint in ("payments", "payment"):
        clinic.mx.answers(faults.edits(edit, endpoint=endpoint))

    report = examination.sync(clinic)

    assert bare in stored(clinic, "source")
    assert stored(clinic, "source")[bare] is None
    assert set(examination.quarantine(clinic)) == {all_null, no_status, no_amount}
    drift = report.stats["drift"]
    assert drift["payments.loyaltyPoints: unknown"] >= 1  # type: ignore[index,call-overload]
    assert drift["payments.cardAccount.wallet: unknown"] >= 1  # type: ignore[index,call-overload]
    examination.heals(clinic)


def test_d10_as_documented_there_is_no_drift(examination: Examination) -> None:
    clinic = examination.clinic(payments=150)

    report = examination.sync(clinic)

    assert (report.stats["drift"], report.stats["replacedCharacters"]) == ({}, 0)
    assert report.stats["unknownStatuses"] == {}


def test_d19_an_unknown_status_is_stored_as_it_is_and_warned_of_once(
    examination: Examination, caplog: pytest.LogCaptureFixture
) -> None:
    clinic = examination.clinic()
    clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay", "status": "PendingReview"} for _ in range(3)))
    (other,) = clinic.mx.has_payments(MERCHANT, {"source": "QuickPay", "status": "Settled"})

    report = examination.sync(clinic)

    assert report.stats["unknownStatuses"] == {"PendingReview": 3}
    assert len([record for record in caplog.records if "not documented" in record.message]) == 1
    assert sorted(stored(clinic, "status").values()) == ["PendingReview"] * 3 + ["Settled"]
    assert stored(clinic, "status")[other] == "Settled"
    examination.is_whole(clinic, report)
