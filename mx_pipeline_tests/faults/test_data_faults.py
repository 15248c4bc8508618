"""Records with odd dates, fields, types, amounts, ids, names and statuses: taken in exactly, or set aside."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from mx_pipeline.synthetic_mx import faults
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

WITHOUT = object()
NIL = "\ufffd"


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


def test_d11_types_that_changed_are_normalised_where_nothing_is_lost(examination: Examination) -> None:
    clinic = examination.clinic()
    values = [raw("207"), raw("207.10"), raw("2.071e2"), "207.1", raw("true"), raw("{}"), raw('["207"]')]
    ids = with_values(clinic, "amount", values)

    report = examination.sync(clinic)

    taken = [Decimal("207"), Decimal("207.1"), Decimal("207.1"), Decimal("207.1")]
    assert stored(clinic, "amount") == dict(zip(ids, taken, strict=False))
    assert set(examination.quarantine(clinic)) == set(ids[4:])
    assert report.stats["drift"]["payments.amount: another type"] >= 3  # type: ignore[index,call-overload,operator]
    examination.heals(clinic)


def test_d11_ids_flags_and_lists_of_other_types(examination: Examination) -> None:
    clinic = examination.clinic()
    ids = clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay"} for _ in range(4)))
    text_id, flags, number_as_text, list_as_object = ids

    def edit(record: dict[str, Any]) -> dict[str, Any]:
        if record["id"] == text_id:
            return {**record, "id": str(text_id), "responseCode": "0"}
        if record["id"] == flags:
            return {**record, "isDuplicate": "true", "authOnly": 0}
        if record["id"] == number_as_text:
            return {**record, "authCode": 12345}
        return {**record, "cardAccount": [1]}

    for endpoint in ("payments", "payment"):
        clinic.mx.answers(faults.edits(edit, endpoint=endpoint))

    examination.sync(clinic)

    assert set(stored(clinic, "amount")) == {text_id, flags, number_as_text}
    assert stored(clinic, "payload ->> 'isDuplicate'")[flags] == "true"
    assert stored(clinic, "payload ->> 'authCode'")[number_as_text] == "12345"
    assert examination.quarantine(clinic)[list_as_object].startswith("cardAccount: ")
    examination.heals(clinic)


def test_d12_amounts_are_exact_or_set_aside(examination: Examination) -> None:
    clinic = examination.clinic()
    good = {
        "-207.35": "-207.35", "0.001": "0.001", "-0": "0", "-0.00": "0", "999999999999999.99": "999999999999999.99",
        "0.100000000001": "0.100000000001", "1e2": "100",
    }  # fmt: skip
    exact_numbers = {"0.1": "0.1", "1234567890.123456789": "1234567890.123456789", "-0.0": "0"}
    bad: list[Any] = [
        "1e400",
        "NaN",
        "Infinity",
        "-Infinity",
        "1,234.56",
        "1_000",
        " 5 ",
        "٣",
        "12345678901234567890123456.7890",
    ]
    bad += [raw("1e400"), raw("NaN"), raw("Infinity"), raw("-1e999"), raw("0.1234567890123456789")]
    ids = with_values(clinic, "amount", [*good, *map(raw, exact_numbers), *bad])

    report = examination.sync(clinic)

    wanted = [Decimal(text) for text in (*good.values(), *exact_numbers.values())]
    assert stored(clinic, "amount") == dict(zip(ids, wanted, strict=False))
    assert not any(str(value).startswith("-0") for value in stored(clinic, "amount").values() if not value)
    assert set(examination.quarantine(clinic)) == set(ids[len(wanted) :])
    assert report.outcome == "partial"
    examination.heals(clinic)


def test_d13_ids_are_exact_or_set_aside(examination: Examination) -> None:
    clinic = examination.clinic()
    good = [2**53 + 1, 2**62 + 3, 2**63 - 1]
    clinic.mx.has_payments(MERCHANT, *({"id": mx_id, "source": "QuickPay"} for mx_id in good))
    placed = clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay"} for _ in range(6)))
    bad = dict(
        zip(
            placed, [raw(str(2**63)), raw("0"), raw("-7"), "0042", raw("7.5"), raw(str(10**400))], strict=True
        )
    )

    clinic.mx.answers(
        faults.edits(
            lambda record: {**record, "id": bad.get(record["id"], record["id"])}, endpoint="payments"
        )
    )

    report = examination.sync(clinic)

    assert set(stored(clinic, "amount")) == set(good)
    assert report.outcome == "partial"
    assert report.message.count("payments (no id) set aside: id: is not a whole number") >= 1
    examination.heals(clinic)


def test_d14_names_are_kept_as_they_are_and_what_cannot_be_stored_is_replaced_and_counted(
    examination: Examination,
) -> None:
    clinic = examination.clinic()
    kept = [
        "Synth 🌵 مثال", "Synthe\u0301", "'; DROP TABLE mx.payments; --", '=HYPERLINK("http://x.test","y")',
        "Synth" + "x" * 10_000, "\u202eSynth", "Synth\\u0000 is text here", "%s :name {0}",
    ]  # fmt: skip
    replaced = {
        r'"Synth\u0000Null"': f"Synth{NIL}Null",
        r'"\ud800Synth"': f"{NIL}Synth",
        r'"a\udc00b"': f"a{NIL}b",
    }
    ids = with_values(clinic, "customerName", [*kept, *map(raw, replaced)])

    report = examination.sync(clinic)

    assert report.outcome == "success", report.message
    names = clinic.rows(
        "SELECT mx_payment_id, customer_name FROM mx.payment_people WHERE merchant_id = :m", m=MERCHANT
    )
    assert dict(map(tuple, names)) == dict(zip(ids, [*kept, *replaced.values()], strict=True))
    assert report.stats["replacedCharacters"] == len(replaced)
    examination.changes_nothing(clinic)


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
