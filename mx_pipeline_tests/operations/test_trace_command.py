"""`mx-pipeline trace`: how a payment's row came to be as it is, and no customer's name."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from mx_pipeline.operations.trace_words import WHY_NOT_LINKED
from mx_pipeline.synthetic_mx import NAME_CANARY, FixedAnswer, SyntheticMx
from mx_pipeline.warehouse.statements import sql_text
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.conftest import Here

Clinic = Callable[..., int]
OTHER = MERCHANT + 1
PAYMENT = 10_000_000_456
LINES = (("Consultation", 50), ("  Plan Gold ", 120), ("Plan Silver", 120), ("Vitamin B12", 30))


def a_payment_of_four_lines(mx: SyntheticMx) -> int:
    """Recurring, so MX wrote the number; two lines share the greatest total."""
    (invoice_id,) = mx.has_invoices(
        MERCHANT,
        {
            "invoiceNumber": 1200,
            "purchases": [
                {"productName": name, "quantity": 1, "price": str(total), "totalAmount": str(total)}
                for name, total in LINES
            ],
        },
    )
    mx.has_payments(MERCHANT, {"id": PAYMENT, "source": "Recurring", "invoice": "1200", "status": "Approved"})
    return invoice_id


def traced(here: Here, *arguments: object) -> dict[str, Any]:
    ran = here("trace", PAYMENT, *arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert set(ran.answer) == {"trace"}
    return ran.answer["trace"]


def test_a_trace_names_the_run_and_the_trigger_that_brought_the_payment(
    here: Here, clinic: Clinic, mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic(payments=2)
    here("sync", MERCHANT)
    mx.has_payments(MERCHANT, {"id": PAYMENT})
    here("sync", MERCHANT, "--latest", 5)
    here("sync", MERCHANT)

    told, words = traced(here), here("trace", PAYMENT).out

    second = warehouse.rows("SELECT run_id FROM mx.sync_runs ORDER BY run_id")[1][0]
    run = told["first_seen"]["run"]
    assert (told["merchant_id"], told["payment_id"]) == (MERCHANT, PAYMENT)
    assert (run["run_id"], run["mode"], run["outcome"]) == (second, "latest", "success")
    assert (run["asked_through"], run["asked_by"].split(":")[0]) == ("command", "operator")
    assert told["changes"] == []
    assert f"by run {second} (latest, success, asked through command by operator:" in words
    assert "never changed" in words


def test_every_change_is_told_with_before_and_after_and_the_run_that_heard_of_it(
    here: Here, clinic: Clinic, mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic()
    mx.has_payments(MERCHANT, {"id": PAYMENT, "status": "Approved"})
    here("sync", MERCHANT)
    mx.change_payment(MERCHANT, PAYMENT, status="Settled")
    here("sync", MERCHANT)
    mx.change_payment(MERCHANT, PAYMENT, refundedAmount="20.00")
    here("sync", MERCHANT)

    told, words = traced(here), here("trace", PAYMENT).out

    runs = [run_id for (run_id,) in warehouse.rows("SELECT run_id FROM mx.sync_runs ORDER BY run_id")]
    settled, refunded = told["changes"]
    assert [told["first_seen"]["run"]["run_id"], settled["run"]["run_id"], refunded["run"]["run_id"]] == runs
    assert settled["fields"]["status"] == {"before": "Approved", "after": "Settled"}
    assert float(refunded["fields"]["refunded_amount"]["after"]) == 20
    assert "status" not in refunded["fields"]
    assert "status Approved -> Settled" in words


def test_the_link_has_its_evidence_and_the_product_the_lines_that_it_won_against(
    here: Here, clinic: Clinic, mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic()
    invoice_id = a_payment_of_four_lines(mx)
    warehouse.damage(
        "INSERT INTO mx.product_categories (merchant_id, product_name, category) VALUES (:m, 'Plan Gold', 'Plans')",
        m=MERCHANT,
    )
    here("sync", MERCHANT)

    told, words = traced(here), here("trace", PAYMENT).out

    (invoice,) = told["link"]["invoices"]
    assert (invoice["mx_invoice_id"], invoice["basis"]) == (invoice_id, told["link"]["basis"])
    assert invoice["evidence"]
    assert told["product"]["name"] == "Plan Gold"
    assert told["product"]["line"]["line"] == 2
    assert [line["product_name"] for line in told["product"]["losing_lines"]] == [
        "Plan Silver",
        "Consultation",
        "Vitamin B12",
    ]
    assert "first wins ties" in told["product"]["rule"]
    category = told["category"]
    assert (category["name"], category["source"], category["changes"]) == ("Plans", "exact_name", [])
    assert category["decided_at"]
    assert f"linked to invoice {invoice_id} (number 1200)" in words
    assert "category: Plans (by the product's exact name, nobody known at " in words


def test_an_unlinked_payment_says_why(here: Here, clinic: Clinic, mx: SyntheticMx) -> None:
    clinic()
    mx.has_payments(
        MERCHANT,
        {"id": PAYMENT, "source": "Recurring", "invoice": "777", "tellsInvoiceIds": False},
        {"id": PAYMENT + 1, "source": "QuickPay", "invoice": "1200000"},
    )
    here("sync", MERCHANT)

    told, alone = traced(here), here("trace", PAYMENT + 1).out

    assert told["link"]["has_invoice"] is False
    assert told["link"]["unlinked_reason"] in WHY_NOT_LINKED
    assert "777" in told["link"]["explanation"]
    assert "stands alone" in alone


def test_every_reason_that_the_derivation_gives_has_words() -> None:
    derivation = sql_text("links.sql").split("-- part: derived")[1]
    case = derivation.split("END AS unlinked_reason")[0].split("CASE")[-1]

    assert set(re.findall(r"(?:THEN|ELSE) '(\w+)'", case)) == set(WHY_NOT_LINKED)


def test_a_run_that_stopped_is_named_with_the_whole_pages_that_it_kept(
    here: Here, clinic: Clinic, mx: SyntheticMx
) -> None:
    clinic(payments=50)
    mx.has_payments(MERCHANT, {"id": PAYMENT})
    mx.behaves(MERCHANT, payment_page_cap=20)
    mx.answers(FixedAnswer(endpoint="payments", status=400, body="{}", skip=2))
    stopped = here("sync", MERCHANT)
    mx.answers_truthfully()
    before = traced(here)
    here("sync", MERCHANT)

    told, words = traced(here), here("trace", PAYMENT).out

    run = told["first_seen"]["run"]
    assert (stopped.code, run["outcome"]) == (1, "failed")
    assert [page["new_payments"] for page in run["pages_kept"]] == [20, 20]
    assert [page["has_this_payment"] for page in run["pages_kept"]] == [True, False]
    assert before["first_seen"] == told["first_seen"]
    assert "have not been derived yet" in before["link"]["explanation"]
    assert "stopped (failed) and kept these whole pages:" in words
    assert words.count("this payment among them") == 1


def test_a_run_whose_process_was_killed_is_named_too(
    here: Here, shell: CommandLine, clinic: Clinic, mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic(payments=50)
    mx.has_payments(MERCHANT, {"id": PAYMENT})
    mx.behaves(MERCHANT, payment_page_cap=20, latency_ms=300)
    with shell.started("sync", MERCHANT) as process:
        while not warehouse.rows("SELECT FROM mx.payments"):
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    mx.behaves(MERCHANT, latency_ms=0)
    under_way = traced(here)["first_seen"]["run"]
    warehouse.damage("UPDATE mx.sync_leases SET expires_at = now() - interval '1 second'")
    here("sync", MERCHANT)

    run = traced(here)["first_seen"]["run"]

    assert (under_way["outcome"], "pages_kept" in under_way) == (None, False)
    assert (run["run_id"], run["outcome"]) == (under_way["run_id"], "failed")
    assert "process was lost" in run["message"]
    assert {page["new_payments"] for page in run["pages_kept"]} <= {20, 11}


def test_a_payment_of_several_merchants_needs_the_merchant(
    here: Here, clinic: Clinic, mx: SyntheticMx
) -> None:
    clinic(), clinic(OTHER)
    for merchant_id in (MERCHANT, OTHER):
        mx.has_payments(merchant_id, {"id": PAYMENT})
    here("sync", "--all")

    asked, told = here("trace", PAYMENT), traced(here, "--merchant", OTHER)

    assert asked.code == 2
    assert f"({MERCHANT}, {OTHER})" in asked.sentence
    assert "--merchant" in asked.sentence
    assert told["merchant_id"] == OTHER


def test_a_payment_that_is_only_in_quarantine_is_told_as_that(
    here: Here, clinic: Clinic, mx: SyntheticMx
) -> None:
    clinic()
    mx.has_payments(MERCHANT, {"id": PAYMENT, "amount": "not a number"})
    here("sync", MERCHANT)

    told, words = traced(here), here("trace", PAYMENT).out

    assert (told["payment"], told["first_seen"]) == (None, None)
    assert told["quarantine"][0]["reason"].startswith("amount: ")
    assert "never taken in" in words
    assert "not a number" not in words


def test_no_customer_is_named(here: Here, clinic: Clinic, mx: SyntheticMx) -> None:
    clinic(payments=30)
    mx.has_payments(MERCHANT, {"id": PAYMENT, "customerName": NAME_CANARY, "invoice": NAME_CANARY})
    here("sync", MERCHANT, "--latest", 500, "--emergency", "--reason", NAME_CANARY)

    told = [here("trace", PAYMENT), here("trace", PAYMENT, "--json")]

    assert [ran.code for ran in told] == [0, 0]
    assert NAME_CANARY not in "".join(ran.out + ran.err for ran in told)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((PAYMENT,), 1, f"payment {PAYMENT} is not stored for any merchant"),
        ((PAYMENT, "--merchant", MERCHANT), 1, f"not stored for merchant {MERCHANT}"),
        ((PAYMENT, "--merchant", OTHER), 1, f"there is no merchant {OTHER}"),
        (("B00ABC",), 2, "'B00ABC' is no payment id"),
        ((PAYMENT, "--merchant", "x"), 2, "'x' is no merchant id"),
    ],
)
def test_what_is_not_here_is_said(
    here: Here, clinic: Clinic, arguments: tuple[object, ...], code: int, words: str
) -> None:
    clinic()

    ran = here("trace", *arguments)

    assert ran.code == code
    assert words in ran.sentence
