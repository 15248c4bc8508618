"""`mx-pipeline sync`, from the command line to the exit code."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from mx_pipeline.operations.sync_command import exit_code_of
from mx_pipeline.sync.orders import Outcome
from mx_pipeline.synthetic_mx import FixedAnswer, SyntheticMx
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.conftest import Here

Clinic = Callable[..., int]
LATE_SECONDS = 25
RUN_KEYS = {
    "merchant_id", "status", "stats", "certificate", "started_at", "finished_at", "seconds", "message",
}  # fmt: skip


def ten_payments_of_which_seven_carry_five_invoices(mx: SyntheticMx, *, quickpay_reference: str) -> None:
    mx.has_invoices(MERCHANT, *({"invoiceNumber": 1200 + n} for n in range(5)))
    linked = [1200, 1200, 1201, 1201, 1202, 1203, 1204]
    mx.has_payments(
        MERCHANT,
        *({"source": "Recurring", "invoice": str(number)} for number in linked),
        *({"source": "QuickPay", "invoice": quickpay_reference.format(n=n)} for n in range(3)),
    )


@pytest.mark.parametrize("reference", ["B00ABC{n}E", "1200000{n}"])
def test_ten_payments_of_which_seven_carry_five_invoices_cost_seven_calls(
    mx: SyntheticMx, shell: CommandLine, clinic: Clinic, reference: str
) -> None:
    clinic()
    ten_payments_of_which_seven_carry_five_invoices(mx, quickpay_reference=reference)

    ran = shell("sync", MERCHANT, "--latest", 10, "--json")

    (report,) = ran.runs
    assert (ran.code, report["status"], ran.err) == (0, "success", "")
    assert mx.call_count(MERCHANT) == report["stats"]["apiCalls"] == 7
    assert report["stats"]["transactionsLinkedToInvoices"] == 7
    assert report["stats"]["invoicesLinked"] == 5
    assert report["certificate"]["payments"]["verdict"] == "agrees"


def test_pages_capped_at_five_cost_list_pages_and_map_pages_and_five(
    mx: SyntheticMx, shell: CommandLine, clinic: Clinic
) -> None:
    clinic()
    ten_payments_of_which_seven_carry_five_invoices(mx, quickpay_reference="1200000{n}")
    mx.behaves(MERCHANT, payment_page_cap=5, invoice_page_cap=5)

    ran = shell("sync", MERCHANT, "--latest", 10, "--json")

    stats = ran.runs[0]["stats"]
    assert ran.code == 0
    assert mx.call_count(MERCHANT) == stats["paymentPages"] + stats["invoicePages"] + 5 == 2 + 1 + 5


def test_json_is_one_object_with_exactly_the_documented_keys(here: Here, clinic: Clinic) -> None:
    clinic(payments=5)

    ran = here("sync", MERCHANT, "--json")

    assert set(ran.answer) == {"runs"}
    assert set(ran.runs[0]) == RUN_KEYS
    assert ran.err == ""


def test_all_means_every_active_merchant_side_by_side(here: Here, clinic: Clinic) -> None:
    first, second, resting = clinic(payments=3), clinic(MERCHANT + 1, payments=4), clinic(MERCHANT + 2)
    here("merchants", "pause", resting)

    ran = here("sync", "--all", "--json")

    assert [report["merchant_id"] for report in ran.runs] == [first, second]
    assert [report["stats"]["transactionsStored"] for report in ran.runs] == [3, 4]


def test_a_merchant_named_twice_is_synced_once(here: Here, clinic: Clinic) -> None:
    clinic(payments=1)

    assert len(here("sync", MERCHANT, MERCHANT, "--json").runs) == 1


def test_people_read_a_table_with_a_row_per_merchant(here: Here, clinic: Clinic) -> None:
    clinic(payments=5)

    ran = here("sync", MERCHANT)

    (row,) = [line.split() for line in ran.out.splitlines() if str(MERCHANT) in line]
    assert ran.code == 0
    assert row[:3] == [str(MERCHANT), "success", "5"]
    assert row[-1] == "agrees"


def test_the_application_asks_and_this_process_answers_under_its_own_name(
    here: Here, clinic: Clinic, warehouse: WarehouseUnderTest
) -> None:
    clinic(payments=1)

    here("sync", MERCHANT, "--latest", 500, "--emergency", "--reason", "the chargeback of May")

    (request,) = warehouse.rows("SELECT * FROM mx.sync_requests")
    assert request.asked_by.startswith("operator:")
    assert (request.asked_through, request.mode, request.latest) == ("command", "latest", 500)
    assert (request.emergency, request.reason) == (True, "the chargeback of May")
    assert request.claimed_by.startswith("command ")
    assert (request.status, request.outcome) == ("done", "success")


def test_detached_it_only_asks(
    here: Here, clinic: Clinic, mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic(payments=1)

    ran = here("sync", MERCHANT, "--full", "--detach", "--json")

    ((request_id, status),) = warehouse.rows("SELECT request_id, status FROM mx.sync_requests")
    assert ran.answer == {"requests": [{"merchant_id": MERCHANT, "request_id": request_id}]}
    assert (ran.code, status) == (0, "asked")
    assert mx.call_count(MERCHANT) == 0


def test_a_wrong_key_is_an_outcome_of_that_merchant_alone(
    here: Here, clinic: Clinic, mx: SyntheticMx
) -> None:
    refused, other = clinic(payments=2), clinic(MERCHANT + 1, payments=2)
    mx.revoke_keys(refused)

    ran = here("sync", refused, other, "--json")

    assert [report["status"] for report in ran.runs] == ["auth_failed", "success"]
    assert "set-key" in ran.runs[0]["message"]
    assert ran.code == 1


def test_a_sync_that_misses_something_says_what_and_ends_with_three(
    here: Here, clinic: Clinic, mx: SyntheticMx
) -> None:
    clinic(payments=3)
    mx.has_payments(MERCHANT, {"amount": "not a number"})

    ran = here("sync", MERCHANT)

    assert ran.code == 3
    assert f"merchant {MERCHANT}: not complete: " in ran.out


def test_an_api_that_breaks_fails_the_run(here: Here, clinic: Clinic, mx: SyntheticMx) -> None:
    clinic(payments=3)
    mx.answers(FixedAnswer(status=400, body="{}"))

    ran = here("sync", MERCHANT, "--json")

    assert (ran.code, ran.runs[0]["status"]) == (1, "failed")
    assert "400" in ran.runs[0]["message"]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["success", "success"], 0),
        (["success", "partial"], 3),
        (["partial", "failed"], 1),
        (["auth_failed"], 1),
        (["rate_limited", "partial"], 1),
        (["cancelled"], 1),
    ],
)
def test_the_worst_outcome_is_the_exit_code(outcomes: list[Outcome], code: int) -> None:
    assert exit_code_of(outcomes) == code


def test_ctrl_c_ends_at_once_and_the_warehouse_says_cancelled(
    mx: SyntheticMx, shell: CommandLine, clinic: Clinic, warehouse: WarehouseUnderTest
) -> None:
    clinic(payments=2_000)
    mx.answers(FixedAnswer(merchant_id=MERCHANT, skip=2, delay_ms=LATE_SECONDS * 1000))

    with shell.started("sync", MERCHANT, "--json") as process:
        while mx.call_count(MERCHANT) < 2:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        pressed = time.monotonic()
        out, err = process.communicate(timeout=60)

    assert process.returncode == 130
    assert time.monotonic() - pressed < LATE_SECONDS - 5  # it waits for no answer of MX's
    assert (out.count("\n"), "interrupted" in out, err) == (1, True, "")
    assert warehouse.rows("SELECT status, outcome FROM mx.sync_requests") == [("done", "cancelled")]
    assert warehouse.rows("SELECT outcome, phase, finished_at IS NULL FROM mx.sync_runs") == [
        ("cancelled", None, False)
    ]
    assert warehouse.value("SELECT last_outcome FROM mx.sync_state WHERE stream = 'payments'") == "cancelled"


def test_a_terminal_sees_the_phases_and_stdout_stays_pure(
    mx: SyntheticMx, shell: CommandLine, clinic: Clinic
) -> None:
    clinic(payments=5)
    mx.behaves(MERCHANT, latency_ms=600)

    ran = shell.but(TERM="xterm").on_a_terminal("sync", MERCHANT, "--json")

    assert ran.runs[0]["status"] == "success"
    assert f"merchant {MERCHANT}: payments" in ran.err


def test_a_dry_run_tells_what_would_change_and_what_it_would_cost(
    here: Here, clinic: Clinic, warehouse: WarehouseUnderTest
) -> None:
    clinic(payments=30)

    told, table = (
        here("sync", MERCHANT, "--latest", 20, "--dry-run", "--json"),
        here("sync", MERCHANT, "--latest", 20, "--dry-run"),
    )

    (run,) = told.runs
    assert (told.code, table.code, run["status"], run["certificate"]) == (0, 0, "success", {})
    assert (run["stats"]["dryRun"], run["stats"]["wouldAdd"], run["stats"]["wouldChange"]) == (True, 20, 0)
    assert {"callsForecast", "callsNeeded", "apiCalls", "wouldLeave"} <= set(run["stats"])
    assert "would add" in table.out
    assert warehouse.value("SELECT count(*) FROM mx.payments") == 0
    assert "give --latest" in here("sync", MERCHANT, "--dry-run").sentence
