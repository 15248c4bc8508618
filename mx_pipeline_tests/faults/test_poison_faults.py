"""One record that cannot be taken in, among a thousand that can."""

from __future__ import annotations

from typing import Any

import pytest

from mx_pipeline.synthetic_mx import faults
from mx_pipeline_tests.fakes import oracle
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

POISON_AMOUNT = "666.66"


def a_thousand(examination: Examination) -> tuple[Clinic, int]:
    clinic = examination.clinic()
    ids = clinic.mx.has_payments(MERCHANT, *({"source": "QuickPay"} for _ in range(1000)))
    return clinic, ids[617]


def held(clinic: Clinic) -> int:
    ((count,),) = clinic.rows("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT)
    return count


def test_d23_one_poison_record_is_set_aside_and_comes_in_once_it_is_mended(examination: Examination) -> None:
    clinic, poison = a_thousand(examination)
    clinic.mx.change_payment(MERCHANT, poison, amount="NaN")

    report = examination.sync(clinic)

    assert held(clinic) == 999
    examination.is_whole_but(clinic, report, poison, words=f"payments {poison} set aside: amount")
    clinic.mx.change_payment(MERCHANT, poison, amount="207")
    report = examination.sync(clinic, "incremental")
    assert examination.quarantine(clinic) == {}
    examination.is_whole(clinic, report)


def test_d23_what_the_list_and_its_own_page_refused_is_released_as_one(examination: Examination) -> None:
    clinic, poison = a_thousand(examination)
    clinic.mx.behaves(MERCHANT, payment_page_cap=100)
    clinic.mx.change_payment(MERCHANT, poison, amount="NaN")
    examination.sync(clinic)
    examination.sync(clinic, "incremental")  # stops above it, and asks for its own page instead
    held_in = "SELECT stream FROM mx.quarantine WHERE merchant_id = :m AND released_at IS NULL ORDER BY 1"
    assert clinic.rows(held_in, m=MERCHANT) == [("payment_details",), ("payments",)]
    clinic.mx.change_payment(MERCHANT, poison, amount="207")

    report = examination.sync(clinic, "full")

    assert clinic.rows(held_in, m=MERCHANT) == []
    examination.is_whole(clinic, report)


def test_d23_a_record_that_only_postgres_refuses_is_found_by_halving(examination: Examination) -> None:
    clinic, poison = a_thousand(examination)
    clinic.mx.change_payment(MERCHANT, poison, amount=POISON_AMOUNT)
    examination.warehouse.damage(
        f"ALTER TABLE mx.payments ADD CONSTRAINT no_devil CHECK (amount <> {POISON_AMOUNT})"
    )

    report = examination.sync(clinic)

    assert held(clinic) == 999
    examination.is_whole_but(clinic, report, poison, words="23514")
    assert POISON_AMOUNT not in examination.quarantine(clinic)[poison]
    examination.warehouse.damage("ALTER TABLE mx.payments DROP CONSTRAINT no_devil")
    examination.heals(clinic)
    assert examination.quarantine(clinic) == {}


def test_d23_several_that_postgres_refuses_are_each_found(examination: Examination) -> None:
    clinic, _ = a_thousand(examination)
    bad = [row["id"] for row in clinic.mx.whole_list(MERCHANT, "payments")][:1000:250]
    for each in bad:
        clinic.mx.change_payment(MERCHANT, each, amount=POISON_AMOUNT)
    examination.warehouse.damage(
        f"ALTER TABLE mx.payments ADD CONSTRAINT no_devil CHECK (amount <> {POISON_AMOUNT})"
    )

    report = examination.sync(clinic)

    assert held(clinic) == 996
    examination.is_whole_but(clinic, report, *bad)


@pytest.mark.parametrize("table", ["invoice_documents", "invoice_purchases"])
def test_d23_an_invoice_that_only_postgres_refuses_does_not_cost_its_batch(
    examination: Examination, table: str
) -> None:
    clinic = examination.clinic(payments=60)
    bad = oracle.linked_invoices(clinic.mx, MERCHANT)[7]
    examination.warehouse.damage(
        f"ALTER TABLE mx.{table} ADD CONSTRAINT no_devil CHECK (mx_invoice_id <> {bad})"
    )

    report = examination.sync(clinic)

    examination.is_whole_but(clinic, report, bad, words="23514")
    examination.warehouse.damage(f"ALTER TABLE mx.{table} DROP CONSTRAINT no_devil")
    examination.heals(clinic)
    assert examination.quarantine(clinic) == {}


def test_d23_what_concerns_every_record_is_not_halved(examination: Examination) -> None:
    clinic, _ = a_thousand(examination)
    examination.warehouse.damage("REVOKE INSERT ON mx.payments FROM mx_loader")

    report = examination.sync(clinic)

    assert report.outcome == "failed"
    assert examination.quarantine(clinic) == {}
    examination.warehouse.damage("GRANT INSERT ON mx.payments TO mx_loader")
    examination.heals(clinic)


def test_d10_d23_two_records_without_an_id_in_one_page(examination: Examination) -> None:
    clinic = examination.clinic(payments=20)
    turn = iter(range(100))

    def nameless(record: dict[str, Any]) -> dict[str, Any]:
        return dict.fromkeys(record) if next(turn) < 2 else record

    clinic.mx.answers(faults.edits(nameless, endpoint="payments", times=1))

    report = examination.sync(clinic)

    assert report.outcome == "partial"
    assert "payments (no id) set aside: id: is missing or empty" in report.message
    assert held(clinic) >= 18
    examination.heals(clinic)
