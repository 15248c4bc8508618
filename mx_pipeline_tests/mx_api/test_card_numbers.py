"""A card number in a free text is masked at the door; what only looks like one stays (S19)."""

from __future__ import annotations

import json

import pytest

from mx_pipeline.mx_api import MxClient
from mx_pipeline.mx_api.card_numbers import is_in, masked
from mx_pipeline_tests.mx_api.samples import FIRST_ID, a_payment, a_purchase, an_invoice_detail
from mx_pipeline_tests.mx_api.vendor import Vendor, a_page, a_reply

VISA = "4111111111111111"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (VISA, "************1111"),
        ("pan 4111 1111 1111 1111 thx", "pan **** **** **** 1111 thx"),
        ("4111-1111-1111-1111", "****-****-****-1111"),
        ("5555555555554444", "************4444"),
        ("2223003122003222", "************3222"),
        ("amex 378282246310005.", "amex ***********0005."),
        ("6011111111111117", "************1117"),
        ("3530111333300000", "************0000"),
        ("30569309025904", "**********5904"),
        ("4222222222222", "*********2222"),
        (f"{VISA} and {VISA}", "************1111 and ************1111"),
        (f"5 {VISA}", "5 ************1111"),
        (f"2026-03-01 {VISA} 12", "2026-03-01 ************1111 12"),
        (f"{VISA}-1225", "************1111-1225"),
        (f"Zoë{VISA}ß", "Zoë************1111ß"),
    ],
)
def test_s19_a_card_number_is_masked_but_for_its_last_four_digits(text: str, shown: str) -> None:
    assert is_in(text)
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # no check digit
        "1000000000000008",  # nobody issues it
        "4111111111111",  # no check digit at 13
        "411111111111",  # 12 digits
        f"1{VISA}",  # part of a longer number
        f"{VISA}0000",
        "2026-03-01 12:00:00",
        "+49 30 901820 4111",
        "",
        "Vitamin B12 IV drip, 1000 ml",
    ],
)
def test_what_only_looks_like_a_card_number_stays(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize("mx_id", [7, FIRST_ID])
@pytest.mark.parametrize(
    "typed", [VISA, "4111 1111 1111 1111", "4111\\u0031111\\u00311111111", "4111\\u00201111-1111.1111"]
)
def test_s19_a_record_is_looked_at_however_its_id_and_the_number_are_written(
    vendor: Vendor, client: MxClient, mx_id: int, typed: str
) -> None:
    body = json.dumps({"recordCount": 1, "records": [a_payment(id=mx_id, clientReference="HERE")]}).replace(
        "HERE", typed
    )
    vendor.answers(a_reply(body.encode()))

    ((payment,),) = [page.records for page in client.list_payments()]

    assert payment.client_reference is not None
    assert payment.client_reference.endswith("1111")
    assert "*" * 4 in payment.client_reference


def test_s19_every_text_of_a_record_is_looked_at_on_both_ways_and_counted(
    vendor: Vendor, client: MxClient
) -> None:
    typed = f"card {VISA}"
    line = a_purchase(productName=typed, description=typed, trackingNumber=typed, discounts=[{"name": typed}])
    vendor.answers(
        a_page(
            a_payment(clientReference=typed, customerName=typed, reference=VISA),
            a_payment(2, customerName=f"\0{typed}"),
        ),
        a_reply(
            an_invoice_detail(
                memo=typed, customerName=typed, purchases=[line], customer={"id": 1, "name": typed}
            )
        ),
    )

    payments = [page.records for page in client.list_payments()]
    invoice = client.get_invoice(10000001)

    told = f"{payments} {invoice}"
    assert VISA not in told
    assert told.count("card ************1111") == 12
    assert client.masked_card_numbers() == 9


@pytest.mark.parametrize("named", [0, 1, 3])
def test_s19_the_long_ids_of_an_invoices_payments_hide_no_card_number(
    vendor: Vendor, client: MxClient, named: int
) -> None:
    payments = [{"id": FIRST_ID + number} for number in range(named)]
    vendor.answers(a_reply(an_invoice_detail(memo=f"card {VISA}", payments=payments)))

    invoice = client.get_invoice(10000001)

    assert "card ************1111" in str(invoice)
