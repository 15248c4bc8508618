"""A vendor that points elsewhere, denies what it lists, has another clock, or is slow."""

from __future__ import annotations

import time

import pytest

from mx_pipeline.synthetic_mx import faults
from mx_pipeline_tests.fakes import oracle
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.mx_api.vendor import Vendor

LATENCY_SECONDS = 0.05


@pytest.mark.parametrize("status", [301, 302, 307])
def test_h17_a_redirect_is_not_followed_and_the_key_goes_nowhere(
    examination: Examination, status: int
) -> None:
    clinic = examination.clinic(payments=30)
    with Vendor() as elsewhere:
        clinic.mx.answers(faults.redirects(f"{elsewhere.url}/checkout/v3/payment", status=status))

        report = examination.sync(clinic, calls_at_most=1)

        assert elsewhere.requests == []
    assert report.outcome == "failed"
    assert "Redirects are not followed" in report.message
    examination.heals(clinic)


@pytest.mark.parametrize("how", ["text404", "json404", "unauthorized"])
def test_h21_an_invoice_that_is_listed_and_denied_is_marked_and_keeps_its_lines(
    examination: Examination, how: str
) -> None:
    clinic = examination.clinic(payments=60, is_synced=True)
    denied = oracle.linked_invoices(clinic.mx, MERCHANT)[5]
    lines = clinic.rows("SELECT * FROM mx.invoice_purchases WHERE mx_invoice_id = :i", i=denied)
    linked = "SELECT mx_payment_id, product_name FROM mx.transactions WHERE mx_invoice_id = :i ORDER BY 1"
    products = clinic.rows(linked, i=denied)
    clinic.mx.change_invoice(MERCHANT, denied, totalAmount="999.99")
    clinic.mx.answers(deny(how, denied))

    report = examination.sync(clinic)

    assert report.outcome == "partial"
    assert f"invoice_details {denied} set aside: MX does not show it" in report.message
    assert examination.outcomes(clinic, report)["mx_not_found"] == 2
    assert clinic.rows(
        "SELECT mx_invoice_id FROM mx.invoice_documents WHERE vanished_at IS NOT NULL AND merchant_id = :m",
        m=MERCHANT,
    ) == [(denied,)]
    assert clinic.rows("SELECT * FROM mx.invoice_purchases WHERE mx_invoice_id = :i", i=denied) == lines
    assert clinic.rows(linked, i=denied) == products != []
    assert "mx_not_found" not in examination.outcomes(clinic, examination.sync(clinic, "incremental"))
    examination.heals(clinic)


def test_h21_a_slip_is_asked_about_once_more(examination: Examination) -> None:
    clinic = examination.clinic(payments=40)
    late = oracle.linked_invoices(clinic.mx, MERCHANT)[5]
    clinic.mx.answers(faults.fails(404, endpoint="invoice", record_id=str(late), times=1))

    report = examination.sync(clinic)

    examination.is_whole(clinic, report)


def test_h21_an_invoice_never_seen_alone_is_named_as_missing(examination: Examination) -> None:
    clinic = examination.clinic(payments=40)
    denied = oracle.linked_invoices(clinic.mx, MERCHANT)[5]
    clinic.mx.answers(deny("text404", denied))

    report = examination.sync(clinic)

    examination.is_whole_but(clinic, report, denied)
    again = examination.sync(clinic, "incremental")
    assert again.outcome == "partial"
    assert denied in examination.named(clinic, again)
    examination.heals(clinic)


def deny(how: str, invoice: int) -> faults.Rule:
    bodies = {
        "text404": (404, b"Not Found"),
        "json404": (404, b'{"errorCode":"Unauthorized","details":["No."]}'),
        "unauthorized": (401, b'{"errorCode":"Unauthorized","details":["No."]}'),
    }
    status, body = bodies[how]
    return faults.says(body, status=status, endpoint="invoice", record_id=str(invoice))


@pytest.mark.parametrize("seconds", [600, -600])
def test_h24_another_clock_is_warned_of_and_moves_no_window(
    examination: Examination, seconds: int, caplog: pytest.LogCaptureFixture
) -> None:
    clinic = examination.clinic(payments=60)
    clinic.mx.answers(faults.clock_off(seconds, time.time))

    report = examination.sync(clinic)

    assert abs(report.stats["vendorClockSkewSeconds"] - seconds) <= 2  # type: ignore[operator]
    assert [record.levelname for record in caplog.records if "clock" in record.message] == ["WARNING"]
    observed = "SELECT max(abs(extract(epoch FROM observed_at - now()))) < 30 FROM mx.payments WHERE merchant_id = :m"
    assert clinic.rows(observed, m=MERCHANT) == [(True,)]
    examination.is_whole(clinic, report)


def test_h24_a_clock_that_is_right_is_not_mentioned(
    examination: Examination, caplog: pytest.LogCaptureFixture
) -> None:
    clinic = examination.clinic(payments=30)

    report = examination.sync(clinic)

    assert abs(report.stats["vendorClockSkewSeconds"]) <= 2  # type: ignore[arg-type]
    assert [record for record in caplog.records if "clock" in record.message] == []


def test_h25_a_slow_vendor_is_asked_for_several_things_at_once(examination: Examination) -> None:
    clinic = examination.clinic(payments=150)
    clinic.mx.behaves(MERCHANT, latency_ms=LATENCY_SECONDS * 1000)

    report = examination.sync(clinic, latest=150, seconds_at_most=30)

    assert report.outcome == "success", report.message
    # In flight, not seconds: how fast this machine is just now says nothing about the sync.
    assert 4 <= clinic.mx.calls()["most_in_flight"] <= 16
    seconds = report.stats["secondsByPhase"]
    assert set(seconds) == {"payments", "invoice_map", "invoice_details", "enriched_transactions"}  # type: ignore[arg-type]
