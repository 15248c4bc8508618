"""A day changes what was there: batches close, money goes back, bills are paid or overdue, new payments come."""

from collections.abc import Callable
from typing import Any

from mx_pipeline_tests.synthetic_mx.conftest import Clinic

Make = Callable[..., Clinic]


def by_id(clinic: Clinic, path: str = "payment") -> dict[int, dict[str, Any]]:
    return {record["id"]: record for record in clinic.reader.all(path)}


def test_the_open_batch_settles_with_the_next_day(clinic: Make):
    scene = clinic(payments=900)
    before = by_id(scene)

    scene.mx.advance(days=1, merchant_id=scene.id)

    after = by_id(scene)
    opened = [i for i, body in before.items() if body["status"] == "Approved"]
    assert len(opened) >= 5
    settled = [after[i] for i in opened if after[i]["status"] == "Settled"]
    assert len(settled) >= 0.8 * len(opened)
    assert all(body["settledAmount"] == "0" and "T23:00:0" in body["settledDate"] for body in settled)


def test_nothing_but_time_and_refunds_touches_old_payments(clinic: Make):
    scene = clinic(payments=900)
    before = by_id(scene)

    scene.mx.advance(days=2, merchant_id=scene.id)

    after = by_id(scene)
    moving = {"status", "settledDate", "refundedAmount"}
    for payment_id, body in before.items():
        now = after[payment_id]
        assert {k: v for k, v in now.items() if k not in moving} == {
            k: v for k, v in body.items() if k not in moving
        }


def test_new_payments_and_invoices_come(clinic: Make):
    scene = clinic(payments=900)
    payments, invoices = by_id(scene), by_id(scene, "invoice")

    scene.mx.advance(days=3, merchant_id=scene.id)

    newest = scene.reader.page("payment", limit=30)
    assert 30 <= len(by_id(scene)) - len(payments) <= 40
    assert len(by_id(scene, "invoice")) - len(invoices) >= 30
    assert all(body["id"] not in payments for body in newest)


def test_settled_payments_are_refunded_by_new_returns(clinic: Make):
    scene = clinic(payments=900)
    before = by_id(scene)

    scene.mx.advance(days=10, merchant_id=scene.id)

    after = by_id(scene)
    moved = [i for i, body in before.items() if after[i]["refundedAmount"] != body["refundedAmount"]]
    details = scene.reader.details("payment", [i for i in after if i not in before])
    originals = {b["originalId"] for b in details if b["type"] == "Return" and "originalId" in b}
    assert moved
    assert set(moved) <= originals


def test_payments_are_voided_and_charged_back_in_time(clinic: Make):
    scene = clinic(payments=3_000)
    before = by_id(scene)

    for _ in range(4):
        scene.mx.advance(days=10, merchant_id=scene.id)

    after = by_id(scene)
    changes = {(body["status"], after[i]["status"]) for i, body in before.items()}
    assert ("Settled", "Chargedback") in changes
    assert ("Approved", "Settled") in changes
    assert any(body["status"] == "Voided" for i, body in after.items() if i not in before)


def test_unpaid_invoices_are_paid_late_or_past_due(clinic: Make):
    scene = clinic(payments=900)
    before = by_id(scene, "invoice")

    scene.mx.advance(days=15, merchant_id=scene.id)

    after = by_id(scene, "invoice")
    changes = {(body["status"], after[i]["status"]) for i, body in before.items()}
    assert ("Unpaid", "PastDue") in changes
    assert changes & {("Unpaid", "Paid"), ("PastDue", "Paid")}


def test_every_merchant_advances_when_none_is_named(clinic: Make):
    first, second = clinic(payments=90), clinic(payments=90)

    first.mx.advance(days=1)

    assert len(by_id(first)) > 90
    assert len(by_id(second)) > 90


def test_closing_the_batch_leaves_nothing_merely_approved(clinic: Make):
    scene = clinic(payments=900)

    scene.mx.settles_everything(scene.id)

    assert not any(body["status"] == "Approved" for body in by_id(scene).values())
