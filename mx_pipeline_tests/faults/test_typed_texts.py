"""What people type into MX that should not be there: card numbers, line breaks, codes for a terminal (S19, S27)."""

from __future__ import annotations

import pytest

from mx_pipeline.synthetic_mx import faults
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

PAN = "4111111111111111"
FORGED = "2026-03-01 ERROR all is lost"
ESCAPES = f"Drip\n{FORGED}\r\x1b[31mred\x1b]0;title\x07\u2028\u202eevil"


def test_s19_a_card_number_in_a_memo_or_a_reference_is_in_no_table_and_is_told(
    examination: Examination, caplog: pytest.LogCaptureFixture
) -> None:
    clinic = examination.clinic()
    clinic.mx.has_payments(
        MERCHANT,
        {"source": "QuickPay", "invoice": PAN, "clientReference": f"card {PAN}", "customerName": PAN},
    )
    (invoice,) = clinic.mx.has_invoices(MERCHANT, {"memo": f"pays by 4111 1111 1111 1111, {PAN}"})
    clinic.mx.has_payments(MERCHANT, {"source": "Recurring", "invoiceIds": [invoice]})

    report = examination.sync(clinic)

    assert report.outcome == "success", report.message
    assert report.stats["maskedCardNumbers"] >= 4  # type: ignore[operator]
    everything = examination.warehouse.everything(but="nothing")
    assert PAN not in everything.replace(" ", "")
    assert "card ************1111" in everything
    assert "pays by **** **** **** 1111, ************1111" in everything
    assert "typed card numbers" in caplog.text


def test_s27_a_name_from_mx_forges_no_line_of_a_log(
    examination: Examination, caplog: pytest.LogCaptureFixture
) -> None:
    clinic = examination.clinic(payments=5)
    clinic.mx.answers(
        faults.edits(lambda record: {**record, "customerName": ESCAPES, "memo": ESCAPES, "source": ESCAPES})
    )
    first = examination.sync(clinic)
    clinic.mx.answers_truthfully()
    clinic.mx.answers(faults.edits(lambda record: {**record, "status": ESCAPES}, endpoint="payments"))
    second = examination.sync(clinic)

    logged = caplog.text
    assert FORGED not in logged
    for text in (logged, first.message, second.message):
        assert not [letter for letter in text if not (letter.isprintable() or letter == "\n")]
