"""Scenes can be arranged by hand, record by record, by the Python handle and by the admin's routes."""

from collections.abc import Callable

import requests

from mx_pipeline_tests.synthetic_mx.conftest import Clinic

Make = Callable[..., Clinic]


def test_a_merchant_may_hold_only_what_was_placed(clinic: Make):
    scene = clinic()
    invoice = scene.has_invoice(totalAmount="300", invoiceNumber=77)
    payment = scene.has_payment(invoiceIds=[invoice], amount="310.5")

    detail = scene.reader.get(f"payment/{payment}").json()
    bill = scene.reader.get(f"invoice/{invoice}").json()

    assert scene.reader.get("payment").json()["recordCount"] == 1
    assert (detail["invoiceIds"], detail["invoice"], detail["surchargeAmount"]) == ([invoice], "77", "10.5")
    assert (bill["status"], bill["paidAmount"], bill["payments"][0]["id"]) == ("Paid", "300", payment)
    assert scene.truth("payment")[payment]["trueInvoiceIds"] == [invoice]


def test_placed_payments_mix_with_computed_ones_by_their_time(clinic: Make):
    scene = clinic(payments=100)
    middle = scene.reader.page("payment", limit=1, offset=50)[0]

    placed = scene.has_payment(created=middle["created"], id=1)

    ids = scene.payment_ids()
    assert len(ids) == 101
    assert ids.index(placed) == ids.index(middle["id"]) + 1


def test_a_page_is_right_wherever_records_were_placed_and_removed(clinic: Make):
    scene = clinic(payments=120)
    computed = scene.reader.all("payment")
    for body in computed[10:40:3]:
        scene.mx.remove_payment(scene.id, body["id"])
        scene.has_payment(created=body["created"], id=body["id"] + 1)
    whole = scene.payment_ids()

    pages = [scene.reader.page("payment", limit=7, offset=offset) for offset in range(0, 120, 7)]

    assert [body["id"] for page in pages for body in page] == whole
    assert len(set(whole)) == 120


def test_a_number_of_a_placed_invoice_means_that_invoice(clinic: Make):
    scene = clinic()
    invoice = scene.has_invoice(invoiceNumber=1234)

    linked = scene.has_payment(invoice="1234", source="Recurring")
    mere_look = scene.has_payment(invoice="1234", source="QuickPay")

    truth = scene.truth("payment")
    assert truth[linked]["trueInvoiceIds"] == [invoice]
    assert truth[mere_look]["trueInvoiceIds"] == []


def test_a_return_inherits_from_its_original(clinic: Make):
    scene = clinic()
    invoice = scene.has_invoice(purchases=[{"productName": "NAD+ ", "totalAmount": "200"}])
    sale = scene.has_payment(invoiceIds=[invoice], status="Settled")

    back = scene.has_payment(originalId=sale, without=["invoice"])

    detail = scene.reader.get(f"payment/{back}").json()
    assert (detail["type"], detail["amount"], detail["originalId"]) == ("Return", "-207", sale)
    assert not {"invoice", "invoiceIds"} & set(detail)
    truth = scene.truth("payment")
    assert (truth[back]["productName"], truth[back]["trueInvoiceIds"]) == ("NAD+", [invoice])
    assert truth[sale]["refundedAmount"] == "207"


def test_one_payment_may_pay_several_invoices(clinic: Make):
    scene = clinic()
    bills = [
        scene.has_invoice(purchases=[{"productName": name, "totalAmount": total}])
        for name, total in (("Small", "50"), ("First great", "80"), ("Second great", "80"))
    ]

    payment = scene.has_payment(invoiceIds=bills, amount="217.35")

    assert scene.reader.get(f"payment/{payment}").json()["invoiceIds"] == bills
    assert scene.truth("payment")[payment]["productName"] == "First great"


def test_one_record_can_be_changed(clinic: Make):
    scene = clinic(payments=50)
    payment, invoice = scene.payment_ids()[5], scene.reader.page("invoice")[3]["id"]

    scene.mx.change_payment(scene.id, payment, status="Voided", customerName="Synth Newname")
    scene.mx.change_invoice(scene.id, invoice, status="Refunded", memo="changed")

    listed = scene.reader.page("payment", limit=50)[5]
    assert (listed["id"], listed["status"], listed["customerName"]) == (payment, "Voided", "Synth Newname")
    assert scene.reader.get(f"invoice/{invoice}").json()["memo"] == "changed"
    assert scene.truth("invoice")[invoice]["status"] == "Refunded"


def test_a_placed_approval_settles_when_its_batch_closes(clinic: Make):
    scene = clinic()
    payment = scene.has_payment(status="Approved", created="2025-09-01T12:00:00Z")
    assert scene.reader.page("payment")[0]["status"] == "Approved"

    scene.mx.settles_everything(scene.id)

    body = scene.reader.get(f"payment/{payment}").json()
    assert (body["status"], "settledDate" in body) == ("Settled", True)


def test_null_and_absent_are_different_wishes(clinic: Make):
    scene = clinic()
    scene.has_payment(authCode=None, without=["customerName", "risk"], amount=207)

    body = scene.reader.page("payment")[0]

    assert body["authCode"] is None
    assert not {"customerName", "risk", "without"} & set(body)
    assert body["amount"] == 207


def test_a_removed_invoice_is_gone_from_list_and_detail(clinic: Make):
    scene = clinic(payments=30)
    invoice = scene.reader.page("invoice", limit=30)[4]["id"]

    scene.mx.remove_invoice(scene.id, invoice)

    assert scene.reader.get("invoice").json()["recordCount"] == 29
    assert scene.reader.get(f"invoice/{invoice}").status_code == 401


def test_the_admin_routes_are_the_same_verbs(clinic: Make):
    scene = clinic()
    admin = f"{scene.mx.url}/__admin"
    made = requests.post(f"{admin}/merchants", json={"merchant_id": 1_000_000_090, "payments": 0}, timeout=10)
    one = f"{admin}/merchants/1000000090"
    bill = requests.post(f"{one}/invoices", json={"totalAmount": "10"}, timeout=10).json()["ids"][0]
    sent = requests.post(f"{one}/payments", json=[{"invoiceIds": [bill]}, {"status": "Approved"}], timeout=10)
    first, second = sent.json()["ids"]

    answers = [
        requests.patch(f"{one}/payments/{first}", json={"status": "Voided"}, timeout=10),
        requests.delete(f"{one}/payments/{second}", timeout=10),
        requests.post(f"{one}/arrivals", json={"payments": 2}, timeout=10),
        requests.post(f"{admin}/advance", json={"days": 1, "merchant_id": 1_000_000_090}, timeout=10),
        requests.patch(
            f"{admin}/behaviour", json={"merchant_id": 1_000_000_090, "latency_ms": 1}, timeout=10
        ),
    ]

    assert made.status_code == 201
    assert set(made.json()) == {"merchant_id", "consumer_key", "consumer_secret"}
    assert [answer.status_code for answer in answers] == [200] * 5
    truth = scene.mx.truth(1_000_000_090)
    assert [t["status"] for t in truth if t["id"] == first] == ["Voided"]
    assert sum(t["record"] == "payment" for t in truth) == 3
    assert requests.get(f"{admin}/truth/5", timeout=10).status_code == 404
    assert requests.patch(f"{admin}/behaviour", json={"nonsense": 1}, timeout=10).status_code == 400
