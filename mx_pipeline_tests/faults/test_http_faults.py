"""HTTP: MX answers with errors; the sync tries again, sets one record aside, or says what is wrong."""

from __future__ import annotations

import pytest

from mx_pipeline.synthetic_mx import faults
from mx_pipeline_tests.fakes import oracle
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

IN_FLIGHT_AT_MOST = 16


@pytest.mark.parametrize(
    ("status", "endpoint"), [(500, "payments"), (502, "invoices"), (503, "invoice"), (504, "invoice")]
)
def test_h5_a_single_5xx_shows_in_a_counter_only(
    examination: Examination, status: int, endpoint: str
) -> None:
    clinic = examination.clinic(payments=40)
    clinic.mx.answers(faults.fails(status, endpoint=endpoint, merchant_id=MERCHANT, times=1))

    report = examination.sync(clinic)

    outcomes = examination.outcomes(clinic, report)
    assert sum(outcomes.values()) - outcomes["ok"] == 1
    assert report.stats["apiCalls"] == outcomes["ok"] + 1
    examination.is_whole(clinic, report)


def test_h7_an_invoice_that_always_fails_is_set_aside_and_the_others_land(examination: Examination) -> None:
    clinic = examination.clinic(payments=60)
    bad = oracle.linked_invoices(clinic.mx, MERCHANT)[3]
    clinic.mx.answers(faults.fails(500, endpoint="invoice", record_id=str(bad)))

    report = examination.sync(clinic)

    examination.is_whole_but(
        clinic, report, bad, words=f"invoice_details {bad} set aside: detail unavailable"
    )
    examination.heals(clinic)
    assert examination.quarantine(clinic) == {}


def test_h7_many_invoices_that_always_fail_do_not_stop_the_others(examination: Examination) -> None:
    clinic = examination.clinic(payments=60)
    bad = oracle.linked_invoices(clinic.mx, MERCHANT)[-9:]
    for each in bad:
        clinic.mx.answers(faults.fails(502, endpoint="invoice", record_id=str(each)))

    report = examination.sync(clinic)

    examination.is_whole_but(clinic, report, *bad)


def test_h18_a_refused_key_costs_one_call(examination: Examination) -> None:
    clinic = examination.clinic(payments=40, is_synced=True)
    clinic.mx.revoke_keys(MERCHANT)

    report = examination.sync(clinic, calls_at_most=1)

    assert report.outcome == "auth_failed"
    assert "merchants set-key" in report.message
    assert clinic.rows(
        "SELECT credentials_refused_at IS NOT NULL FROM mx.mx_merchant_configs WHERE merchant_id = :m",
        m=MERCHANT,
    ) == [(True,)]
    assert clinic.differences() == []


def test_h19_a_key_revoked_after_page_three_leaves_three_pages(examination: Examination) -> None:
    clinic = examination.clinic(payments=200)
    clinic.mx.behaves(MERCHANT, payment_page_cap=30)
    clinic.mx.answers(
        faults.meanwhile(lambda: clinic.mx.revoke_keys(MERCHANT), endpoint="payments", skip=2, times=1)
    )

    report = examination.sync(clinic, calls_at_most=3 + 1 + 1)

    assert report.outcome == "auth_failed"
    assert clinic.rows("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT) == [(90,)]
    assert clinic.rows(
        "SELECT position FROM mx.sync_state WHERE merchant_id = :m AND stream = 'payments'", m=MERCHANT
    ) == [(90,)]


def test_h19_a_key_revoked_among_details_ends_without_a_storm(examination: Examination) -> None:
    clinic = examination.clinic(payments=120)
    invoices = len(oracle.linked_invoices(clinic.mx, MERCHANT))
    assert invoices > 60
    clinic.mx.answers(
        faults.meanwhile(lambda: clinic.mx.revoke_keys(MERCHANT), endpoint="invoice", skip=29, times=1)
    )

    report = examination.sync(clinic)

    assert report.outcome == "auth_failed"
    assert examination.outcomes(clinic, report)["mx_credentials_refused"] <= IN_FLIGHT_AT_MOST + 1
    kept = clinic.rows(
        "SELECT count(*) FROM mx.invoice_documents WHERE merchant_id = :m AND raw_data IS NOT NULL",
        m=MERCHANT,
    )
    assert kept == [(30,)]


@pytest.mark.parametrize("endpoint", ["payments", "invoices", "invoice"])
def test_h19_one_slip_of_the_vendors_is_asked_about_once_more(
    examination: Examination, endpoint: str
) -> None:
    clinic = examination.clinic(payments=60)
    clinic.mx.behaves(MERCHANT, payment_page_cap=30)
    clinic.mx.answers(faults.refuses_key(endpoint=endpoint, skip=1 if endpoint == "payments" else 0, times=1))

    report = examination.sync(clinic)

    assert examination.outcomes(clinic, report)["mx_credentials_refused"] == 1
    examination.is_whole(clinic, report)


@pytest.mark.parametrize("endpoint", ["invoices", "invoice"])
def test_h20_without_the_role_for_invoices_the_payments_land(examination: Examination, endpoint: str) -> None:
    clinic = examination.clinic(payments=200)
    clinic.mx.answers(faults.fails(403, endpoint=endpoint))

    report = examination.sync(clinic, calls_at_most=2 + 2 * IN_FLIGHT_AT_MOST)

    assert report.outcome == "partial"
    assert "Ask for a key whose role may read it" in report.message
    assert clinic.rows("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT) == [(200,)]
    examination.heals(clinic)


def test_h22_a_parameter_that_mx_no_longer_takes_is_ours_to_mend(
    examination: Examination, caplog: pytest.LogCaptureFixture
) -> None:
    clinic = examination.clinic(payments=60, is_synced=True)
    clinic.mx.answers(faults.refuses_parameter(endpoint="payments"))

    report = examination.sync(clinic, calls_at_most=1)

    assert report.outcome == "failed"
    assert "for us to mend" in report.message
    assert examination.outcomes(clinic, report) == {"mx_rejected": 1}
    assert [record.levelname for record in caplog.records if "as agreed" in record.message] == ["ERROR"]
    assert clinic.differences() == []
    examination.heals(clinic)
