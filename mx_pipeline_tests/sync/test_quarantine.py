"""What cannot be taken in is set aside with its reason, tried again, and never replaced by a default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mx_pipeline.access import OPERATOR
from mx_pipeline.synthetic_mx import faults
from mx_pipeline.warehouse.quarantine import mark_for_replay
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.sync.conftest import Clinic

HELD = "SELECT stream, mx_id, reason FROM mx.quarantine WHERE released_at IS NULL"
OLD_AND_SETTLED = {"source": "QuickPay", "status": "Settled"}


def a_clinic_with_one_bad_payment(a_clinic: Callable[..., Clinic]) -> tuple[Clinic, int]:
    """Sixty old payments; the oldest has an amount that is none."""
    clinic = a_clinic()
    (bad,) = clinic.mx.has_payments(
        MERCHANT, {**OLD_AND_SETTLED, "created": "2025-01-01T12:00:00Z", "amount": "1,234.56"}
    )
    clinic.mx.has_payments(
        MERCHANT, *({**OLD_AND_SETTLED, "created": f"2025-02-01T12:00:{n:02}Z"} for n in range(60))
    )
    clinic.mx.behaves(MERCHANT, payment_page_cap=20)
    return clinic, bad


def test_one_bad_record_is_named_and_the_others_land(a_clinic: Callable[..., Clinic]) -> None:
    clinic, bad = a_clinic_with_one_bad_payment(a_clinic)

    report = clinic.sync("full")

    assert report.outcome == "partial"
    assert str(bad) in report.message
    assert clinic.rows("SELECT count(*) FROM mx.payments") == [(60,)]
    ((stream, held, reason),) = clinic.rows(HELD)
    assert (stream, held) == ("payments", bad)
    assert "amount" in reason
    assert report.certificates[0].missing_ids == (bad,)


def test_the_next_sync_takes_it_in_once_it_is_mended_though_it_is_old(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic, bad = a_clinic_with_one_bad_payment(a_clinic)
    clinic.sync("full")
    clinic.mx.change_payment(MERCHANT, bad, amount="1234.56")

    report = clinic.sync("incremental")

    assert report.outcome == "success", report.message
    assert clinic.rows(HELD) == []
    assert clinic.rows("SELECT amount::text FROM mx.payments WHERE mx_payment_id = :bad", bad=bad) == [
        ("1234.56",)
    ]


def test_a_payment_whose_newer_row_is_refused_stays_as_it_was_and_no_sync_calls_itself_whole(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic(payments=60)
    clinic.sync("full")
    ((known,),) = clinic.rows("SELECT mx_payment_id FROM mx.transactions ORDER BY transaction_date LIMIT 1")
    clinic.mx.change_payment(MERCHANT, known, amount="1,234.56")

    reports = [clinic.sync(mode) for mode in ("full", "incremental", "incremental")]

    assert [report.outcome for report in reports] == ["partial"] * 3
    assert all(str(known) in report.message or "as they were" in report.message for report in reports)
    assert [report.certificates[0].missing_ids for report in reports] == [(known,)] * 3
    assert clinic.rows("SELECT count(*) FROM mx.transactions") == [(60,)]


def test_it_is_tried_less_and_less_often_until_a_person_asks(a_clinic: Callable[..., Clinic]) -> None:
    clinic, _ = a_clinic_with_one_bad_payment(a_clinic)
    clinic.sync("full")

    tried = [clinic.sync("incremental").stats["paymentDetails"] for _ in range(3)]
    with clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        marked = mark_for_replay(tenant)
    asked = clinic.sync("incremental").stats["paymentDetails"]

    assert tried == [1, 0, 0]
    assert marked >= 1
    assert asked == 1


@pytest.mark.parametrize("endpoint", ["payments", "invoices"])
def test_a_record_without_a_readable_id_is_let_go_once_a_complete_read_meets_it_no_more(
    a_clinic: Callable[..., Clinic], endpoint: str
) -> None:
    clinic = a_clinic(payments=60)
    clinic.sync("full")
    clinic.mx.answers(nameless_first(endpoint))

    bad = [(clinic.sync("full").outcome, clinic.rows(HELD)) for _ in range(2)]
    clinic.mx.answers_truthfully()
    clinic.sync("full", latest=5)
    incomplete = clinic.rows(HELD)
    whole = clinic.sync("full")

    assert [(outcome, [held[:2] for held in rows]) for outcome, rows in bad] == [
        ("partial", [(endpoint, None)])
    ] * 2
    assert incomplete == bad[1][1]
    assert whole.outcome == "success", whole.message
    assert clinic.rows(HELD) == []
    assert clinic.differences() == []


def nameless_first(endpoint: str) -> Any:
    """The first record of the list has lost its id."""
    lost: list[object] = []

    def without_id(record: dict[str, Any]) -> dict[str, Any]:
        if not lost:
            lost.append(record["id"])
        return {**record, "id": None} if record["id"] == lost[0] else record

    return faults.edits(without_id, endpoint=endpoint)
