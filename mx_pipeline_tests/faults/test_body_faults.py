"""Bodies: half of one, another thing, too much of it, in another encoding. Nothing of these is taken for records."""

from __future__ import annotations

import pytest

from mx_pipeline.mx_api.calls import CallLimits
from mx_pipeline.synthetic_mx import faults
from mx_pipeline_tests.fakes.clinic import QUICK, Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

MEGABYTE = 1_000_000
RSS_ABOVE_IDLE_AT_MOST = 100 * MEGABYTE

NONSENSE = {
    "truncated": (faults.cut_short, "mx_bad_response", "not whole JSON"),
    "web page": (faults.maintenance, "mx_maintenance", "web page"),
    "JSON called HTML": (lambda **where: faults.maintenance("html", **where), "mx_maintenance", "web page"),
    "empty": (lambda **where: faults.maintenance("empty", **where), "mx_maintenance", "empty body"),
    "cut gzip": (lambda **where: faults.encoded("cut gzip", **where), "mx_bad_response", "gzip"),
    "no gzip": (lambda **where: faults.encoded("no gzip", **where), "mx_bad_response", "gzip"),
    "double gzip": (lambda **where: faults.encoded("double gzip", **where), "mx_bad_response", "not JSON"),
    "br": (lambda **where: faults.encoded("br", **where), "mx_bad_response", "encoding"),
}
ROWS = {
    "truncated": "h12",
    "web page": "h13",
    "JSON called HTML": "h13",
    "empty": "h13",
    "cut gzip": "h15",
    "no gzip": "h15",
    "double gzip": "h15",
    "br": "h15",
}


def payments_held(clinic: Clinic) -> int:
    ((held,),) = clinic.rows("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT)
    return held


@pytest.mark.parametrize("nonsense", NONSENSE, ids=lambda name: f"{ROWS[name]} {name}")
def test_h12_h13_h15_nonsense_on_page_three_is_given_up_after_three_tries(
    examination: Examination, nonsense: str
) -> None:
    fault, code, words = NONSENSE[nonsense]
    clinic = examination.clinic(payments=100)
    clinic.mx.behaves(MERCHANT, payment_page_cap=25)
    clinic.mx.answers(fault(endpoint="payments", skip=2))

    report = examination.sync(clinic)

    assert report.outcome == "failed"
    assert words in report.message
    assert examination.outcomes(clinic, report) == {"ok": 2, code: 3}
    assert payments_held(clinic) == 50
    assert report.certificates == ()
    examination.heals(clinic)


@pytest.mark.parametrize(
    "nonsense", ["truncated", "web page", "cut gzip"], ids=lambda name: f"{ROWS[name]} {name}"
)
def test_h12_h13_h15_nonsense_that_passes_shows_in_a_counter_only(
    examination: Examination, nonsense: str
) -> None:
    fault, code, _ = NONSENSE[nonsense]
    clinic = examination.clinic(payments=40)
    for endpoint in ("payments", "invoices", "invoice"):
        clinic.mx.answers(fault(endpoint=endpoint, times=1))

    report = examination.sync(clinic)

    assert examination.outcomes(clinic, report)[code] == 3
    examination.is_whole(clinic, report)


@pytest.mark.parametrize("cut", [0.0002, 0.5, 0.9999])
def test_h12_a_list_cut_anywhere_never_means_no_rows(examination: Examination, cut: float) -> None:
    clinic = examination.clinic(payments=60, is_synced=True)
    clinic.mx.answers(faults.cut_short(share=cut, endpoint="payments"))

    report = examination.sync(clinic)

    assert report.outcome == "failed"
    assert payments_held(clinic) == 60
    assert clinic.differences() == []


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"recordCount":0}',
        b'{"recordCount":0,"records":null}',
        b'{"recordCount":0,"records":{}}',
        b"[]",
    ],
    ids=bytes.decode,
)
def test_h14_json_of_another_shape_is_a_broken_contract_and_not_an_empty_list(
    examination: Examination, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    clinic = examination.clinic(payments=40, is_synced=True)
    clinic.mx.answers(faults.says(body, endpoint="payments"))

    report = examination.sync(clinic)

    assert report.outcome == "failed"
    assert "has no list of records" in report.message
    assert examination.outcomes(clinic, report)["mx_contract_broken"] == 1
    assert [record.levelname for record in caplog.records if "as agreed" in record.message] == ["ERROR"]
    assert clinic.differences() == []
    examination.heals(clinic)


def test_h14_one_invoice_that_is_no_invoice_is_set_aside(examination: Examination) -> None:
    clinic = examination.clinic(payments=40)
    clinic.mx.answers(faults.says(b"{}", endpoint="invoice", skip=4, times=1))

    report = examination.sync(clinic)

    (bad,) = examination.quarantine(clinic)
    assert bad is not None
    examination.is_whole_but(clinic, report, bad, words="is not a record")
    examination.heals(clinic)


@pytest.mark.parametrize("how", ["bom", "charset said"])
def test_h15_what_can_be_decoded_is(examination: Examination, how: str) -> None:
    clinic = examination.clinic(payments=40)
    clinic.mx.answers(faults.encoded(how, endpoint="payments"))  # type: ignore[arg-type]

    report = examination.sync(clinic)

    examination.is_whole(clinic, report)


def test_h15_latin_1_that_calls_itself_utf_8_costs_the_records_in_it_and_no_page(
    examination: Examination,
) -> None:
    clinic = examination.clinic(payments=30)
    clinic.mx.has_payments(MERCHANT, {"customerName": "Synth Renée"})
    clinic.mx.answers(faults.encoded("latin-1", endpoint="payments"))

    report = examination.sync(clinic)

    assert report.outcome == "partial"
    assert set(examination.quarantine(clinic).values()) == {"record: is not UTF-8"}
    assert 0 < payments_held(clinic) < 31
    assert payments_held(clinic) + report.stats["quarantined"] == 31  # type: ignore[operator]
    examination.heals(clinic)


@pytest.mark.parametrize("kind", ["long", "bomb", "deep"])
def test_h16_a_monstrous_body_is_dropped_within_the_memory_budget(
    examination: Examination, kind: str
) -> None:
    assert CallLimits().body_cap_bytes == QUICK.body_cap_bytes == 20 * MEGABYTE
    clinic = examination.clinic(payments=30)
    clinic.mx.answers(faults.huge(kind, endpoint="payments"))  # type: ignore[arg-type]

    report = examination.sync(clinic)

    assert examination.peak_bytes < RSS_ABOVE_IDLE_AT_MOST
    assert report.outcome == "failed"
    assert ("nested too deeply" if kind == "deep" else "is larger than 20000000 bytes") in report.message
    assert payments_held(clinic) == 0
    examination.heals(clinic)
