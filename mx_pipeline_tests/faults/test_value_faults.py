"""Values of other types, amounts, ids and names: taken in exactly, or set aside."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mx_pipeline.synthetic_mx import faults
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.faults.odd_values import raw, stored, with_values

NIL = "\ufffd"


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
