"""Lists with rows that were not asked for, stand twice, or are another merchant's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mx_pipeline.synthetic_mx import faults
from mx_pipeline.synthetic_mx.faults_of_lists import Rows, pages_badly
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT


def test_d16c_a_date_filter_that_is_ignored_imports_nothing_beyond_the_days(
    examination: Examination,
) -> None:
    clinic = examination.clinic()
    # In Chicago it is then the same day, whenever this is run.
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    for days in range(1, 60):
        at = (noon - timedelta(days=days)).isoformat()
        clinic.mx.has_payments(MERCHANT, {"created": at.replace("+00:00", "Z")})
    since, until = (noon - timedelta(days=30)).date(), (noon - timedelta(days=20)).date()

    report = examination.sync(clinic, "range", since=since, until=until)

    assert report.outcome == "success", report.message
    assert clinic.rows(
        "SELECT count(*), bool_and(created >= CAST(:s AS date)::timestamp AT TIME ZONE 'America/Chicago'"
        " AND created < CAST(:u AS date)::timestamp AT TIME ZONE 'America/Chicago')"
        " FROM mx.payments WHERE merchant_id = :m",
        m=MERCHANT, s=since, u=until,
    ) == [(10, True)]  # fmt: skip


def test_d18_of_the_same_id_twice_in_a_page_the_later_row_counts(examination: Examination) -> None:
    clinic = examination.clinic()
    (mx_id,) = clinic.mx.has_payments(MERCHANT, {"status": "Settled"})

    def twice(rows: Rows, _: int) -> list[Any]:
        return [{**rows[0], "status": "Approved"}, rows[0]]

    clinic.mx.answers(pages_badly(clinic.mx, MERCHANT, view=twice))

    examination.sync(clinic)

    statuses = "SELECT mx_payment_id, status FROM mx.payments WHERE merchant_id = :m"
    assert clinic.rows(statuses, m=MERCHANT) == [(mx_id, "Settled")]
    examination.heals(clinic)
    assert clinic.rows("SELECT count(*) FROM mx.payment_history WHERE merchant_id = :m", m=MERCHANT) == [(0,)]


@pytest.mark.parametrize("endpoints", [("payments", "payment"), ("invoices", "invoice"), ("invoice",)])
def test_d21_another_merchants_record_is_refused_and_reported(
    examination: Examination, endpoints: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    clinic = examination.clinic(payments=30)
    foreign: list[int] = []

    def of_another(record: dict[str, Any]) -> dict[str, Any]:
        if foreign and record["id"] != foreign[0]:
            return record
        foreign[:] = [record["id"]]
        return {**record, "merchantId": 1_000_000_777}

    for endpoint in endpoints:
        clinic.mx.answers(faults.edits(of_another, endpoint=endpoint))

    report = examination.sync(clinic)

    examination.is_whole_but(clinic, report, *foreign, words="merchantId: is another merchant's")
    assert "ERROR" in {r.levelname for r in caplog.records if "another merchant's record" in r.message}
    examination.heals(clinic)
    assert examination.quarantine(clinic) == {}
