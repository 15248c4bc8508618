"""A notification is a doorbell: what it names is asked of MX with the merchant's own key, and MX's answer counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from mx_pipeline.mx_api.client import MxClient
from mx_pipeline.records import PaymentDetail
from mx_pipeline.synthetic_mx.behaviour import FixedAnswer
from mx_pipeline.warehouse.loading import load_payment_details
from mx_pipeline.warehouse.notified import ask_for_what_is_named
from mx_pipeline_tests.fakes.ringing import a_body, a_key, heard
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.sync.conftest import Clinic

OTHER = MERCHANT + 1
OUTCOMES = "SELECT outcome, names_another FROM mx.webhook_inbox ORDER BY received_at"
REQUESTS = (
    "SELECT merchant_id, mode, lane, status, asked_by FROM mx.sync_requests"
    " WHERE asked_through = 'webhook' ORDER BY 1, 2"
)
BETWEEN = "SELECT extract(epoch FROM max(taken_at) - min(taken_at)) FROM mx.webhook_inbox"
LEDGER = "SELECT count(*) FROM mx.payment_history"
PAYMENT = "SELECT amount, status FROM mx.payments WHERE mx_payment_id = :id"
ENRICHED = (
    "SELECT has_invoice, product_name IS NOT NULL AS has_product"
    " FROM mx.enriched_transactions WHERE mx_payment_id = :id"
)


def newest(clinic: Clinic) -> int:
    return int(clinic.mx.whole_list(clinic.merchant_id, "payments")[0]["id"])


def asks(clinic: Clinic) -> bool:
    """What a worker does between two requests."""
    return ask_for_what_is_named(clinic.warehouse.dispatcher, clinic.warehouse.loader)


def test_what_is_named_is_fetched_and_enriched_with_a_call_for_each_record(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic(payments=50)
    clinic.sync()
    clinic.mx.receives(MERCHANT, payments=3)
    row = next(
        row
        for row in clinic.mx.whole_list(MERCHANT, "payments")
        if str(row.get("invoice", "")).isdigit() and not clinic.rows(PAYMENT, id=row["id"])
    )
    heard(clinic.warehouse, a_key(clinic.warehouse), a_body(row["id"]))

    report = clinic.sync("named")

    assert (report.outcome, report.certificates) == ("success", ())
    assert clinic.mx.call_count(MERCHANT) == 2
    assert report.stats["transactionsSynced"] == 1
    assert clinic.rows(ENRICHED, id=row["id"]) == [(True, True)]
    assert clinic.rows(OUTCOMES) == [("fetched", False)]
    assert clinic.warehouse.value("SELECT first_seen FROM mx.webhook_inbox")
    assert clinic.sync("incremental").outcome == "success"
    assert clinic.differences() == []


def test_it_says_nothing_about_how_fresh_the_merchant_is(a_clinic: Callable[..., Clinic]) -> None:
    state = "SELECT last_outcome, completed_at, last_success_at FROM mx.sync_state WHERE stream = 'payments'"
    clinic = a_clinic(payments=20)
    clinic.sync()
    before = clinic.rows(state)
    heard(clinic.warehouse, a_key(clinic.warehouse), a_body(newest(clinic)))

    assert clinic.sync("named").outcome == "success"

    assert clinic.rows(state) == before


def test_s3_a_key_of_one_and_the_ids_of_another_find_nothing_and_raise_the_alarm(
    a_clinic: Callable[..., Clinic],
) -> None:
    one, other = a_clinic(payments=20), a_clinic(OTHER, payments=20, seed=2)
    theirs = newest(other)
    heard(one.warehouse, a_key(one.warehouse), a_body(theirs, OTHER))
    one.mx.reset_calls()

    report = one.sync("named")

    assert report.outcome == "success"
    assert one.mx.call_count(OTHER) == 0, "asked with the one's own key, for the one"
    assert one.rows("SELECT count(*) FROM mx.payments") == [(0,)]
    assert one.rows("SELECT count(*) FROM mx.quarantine") == [(0,)]
    assert one.rows(OUTCOMES) == [("rejected", True)]
    ((merchant_id, detail),) = one.rows(
        "SELECT merchant_id, detail FROM mx.audit_log WHERE action = 'webhook.rejected'"
    )
    assert (merchant_id, detail["names_another_merchant"], detail["not_shown_to_this_key"]) == (
        MERCHANT,
        1,
        1,
    )


def test_s4_what_the_body_says_of_the_amount_is_ignored(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=20)
    row = clinic.mx.whole_list(MERCHANT, "payments")[0]
    lie = a_body(row["id"], totalAmount="999999.99", transactionTypeName="Return", customer="Mallory")
    heard(clinic.warehouse, a_key(clinic.warehouse), lie)

    clinic.sync("named")

    assert clinic.rows(PAYMENT, id=row["id"]) == [(Decimal(row["amount"]), row["status"])]
    assert "Mallory" not in clinic.warehouse.everything(but="_no_such")


def test_c3_an_answer_that_was_asked_for_earlier_undoes_nothing(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=20)
    clinic.sync()
    payment = newest(clinic)
    with MxClient(
        base_url=clinic.mx.url,
        consumer_key=clinic.key.consumer_key,
        consumer_secret=clinic.key.consumer_secret,
        merchant_id=MERCHANT,
    ) as client:
        stale = client.get_payment(payment)
    assert isinstance(stale, PaymentDetail)
    clinic.mx.change_payment(MERCHANT, payment, status="Voided")
    clinic.sync("incremental")
    before = clinic.warehouse.value(LEDGER)

    with clinic.warehouse.loader.merchant(MERCHANT) as tenant:
        load_payment_details(tenant, [(stale, datetime.now(UTC) - timedelta(hours=1))])

    assert clinic.rows(PAYMENT, id=payment)[0].status == "Voided"
    assert clinic.warehouse.value(LEDGER) == before


@pytest.mark.parametrize("order", [("named", "incremental"), ("incremental", "named")])
def test_c3_webhook_and_sync_of_one_payment_make_one_entry_of_the_ledger(
    a_clinic: Callable[..., Clinic], order: tuple[str, str]
) -> None:
    clinic = a_clinic(payments=20)
    clinic.sync()
    payment = newest(clinic)
    key = a_key(clinic.warehouse)
    before = clinic.warehouse.value(LEDGER)
    clinic.mx.change_payment(MERCHANT, payment, status="Voided")
    heard(clinic.warehouse, key, a_body(payment))

    for mode in order:
        assert clinic.sync(mode).outcome == "success"

    assert clinic.warehouse.value(LEDGER) == before + 1
    assert clinic.rows(PAYMENT, id=payment)[0].status == "Voided"


def test_c3_both_at_once_the_newest_observation_wins(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=20)
    clinic.sync()
    payment = newest(clinic)
    before = clinic.warehouse.value(LEDGER)
    clinic.mx.change_payment(MERCHANT, payment, status="Voided")
    heard(clinic.warehouse, a_key(clinic.warehouse), a_body(payment))

    with ThreadPoolExecutor(2) as both:
        reports = list(both.map(clinic.sync, ("named", "incremental")))

    assert {report.outcome for report in reports} == {"success"}
    assert clinic.warehouse.value(LEDGER) == before + 1
    assert clinic.differences() == []


def test_s2_c4_fifty_for_one_payment_within_a_second_are_two_fetches_at_most(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic(payments=20)
    payment, key = newest(clinic), a_key(clinic.warehouse)
    bodies = [a_body(payment, totalAmount=f"{number}.00") for number in range(50)]

    heard(clinic.warehouse, key, bodies[0])
    asks(clinic)
    fetches = answered(clinic)
    heard(clinic.warehouse, key, *bodies[1:])
    while asks(clinic):
        fetches += answered(clinic)
        time.sleep(0.05)

    assert fetches == 2
    assert clinic.warehouse.value(BETWEEN) >= 2
    assert {row.outcome for row in clinic.rows(OUTCOMES)} == {"fetched"}
    heard(clinic.warehouse, key, a_body(payment, totalAmount="1.00"))
    assert not asks(clinic), "a body that was heard before is no news"


def test_requests_are_asked_by_nobody_in_the_first_lane_and_audited(a_clinic: Callable[..., Clinic]) -> None:
    clinic, other = a_clinic(payments=5), a_clinic(OTHER, payments=5, seed=2)
    heard(
        clinic.warehouse,
        a_key(clinic.warehouse),
        a_body(newest(clinic)),
        a_body(newest(clinic), invoiceId="7"),
    )
    heard(clinic.warehouse, a_key(clinic.warehouse, OTHER), a_body(newest(other), OTHER))

    assert asks(clinic)
    assert asks(clinic)

    assert clinic.rows(REQUESTS) == [
        (MERCHANT, "named", 1, "asked", "process:webhook"),
        (OTHER, "named", 1, "asked", "process:webhook"),
    ]
    asked = "SELECT count(*) FROM mx.audit_log WHERE action = 'sync.asked' AND actor = 'process:webhook'"
    assert clinic.warehouse.value(asked) == 2


def test_a_closed_batch_pulls_the_open_set_forward(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=20)
    clinic.sync()
    closed = a_body(eventType="BatchClosed", id=None)
    heard(clinic.warehouse, a_key(clinic.warehouse), closed, a_body(eventType="BatchClosed", id="88"))

    assert asks(clinic)
    assert not asks(clinic)

    assert clinic.rows(REQUESTS) == [(MERCHANT, "incremental", 1, "asked", "process:webhook")]
    assert clinic.warehouse.value("SELECT daily_at IS NULL FROM mx.sync_state WHERE stream = 'payments'")
    assert {row.outcome for row in clinic.rows(OUTCOMES)} == {"asked"}


def test_what_mx_does_not_answer_waits_longer_each_time_and_is_given_up_in_the_end(
    a_clinic: Callable[..., Clinic],
) -> None:
    clinic = a_clinic(payments=5)
    heard(clinic.warehouse, a_key(clinic.warehouse), a_body(newest(clinic)))
    clinic.mx.answers(FixedAnswer(merchant_id=MERCHANT, status=500))
    waited = "UPDATE mx.webhook_inbox SET taken_at = taken_at - make_interval(secs => :seconds)"

    for attempt in range(6):
        assert asks(clinic)
        assert answered(clinic, expected=None) == (attempt + 1)
        assert not clinic.rows("SELECT FROM mx.webhook_inbox WHERE handled_at IS NOT NULL")
        asks(clinic)
        assert answered(clinic, expected=None) == attempt + 1, "too early"
        clinic.warehouse.damage(waited, seconds=2 * 4 ** (attempt + 1))
    asks(clinic)
    answered(clinic, expected=None)

    assert clinic.rows(OUTCOMES) == [("given_up", False)]


def test_the_same_body_a_day_later_rings_again(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=5)
    key, body = a_key(clinic.warehouse), a_body(newest(clinic))
    heard(clinic.warehouse, key, body)
    clinic.sync("named")
    day_ago = datetime.now(UTC) - timedelta(hours=25)
    clinic.warehouse.damage("UPDATE mx.webhook_inbox SET last_heard_at = :at, taken_at = :at", at=day_ago)

    heard(clinic.warehouse, key, body)
    asks(clinic)

    assert answered(clinic) == 1


def answered(clinic: Clinic, *, expected: str | None = "success") -> int:
    """Answer what was asked through webhooks. How often the vendor was asked for a payment, or tried in vain."""
    rows = clinic.rows(
        "SELECT request_id FROM mx.sync_requests WHERE status = 'asked' AND asked_through = 'webhook'"
    )
    clinic.mx.reset_calls()
    for row in rows:
        report = clinic.answerer.answer(clinic.merchant_id, row.request_id)
        assert expected is None or report.outcome == expected
    if expected is None:
        return int(clinic.warehouse.value("SELECT max(attempts) FROM mx.webhook_inbox"))
    return clinic.mx.call_count(clinic.merchant_id, "payment")
