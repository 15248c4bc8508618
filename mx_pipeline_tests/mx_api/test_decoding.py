"""Records: exact, allow-listed, mended where nothing is lost, refused with a reason where something would be."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mx_pipeline.mx_api import MxClient
from mx_pipeline.mx_api.answers import Answer, Asked
from mx_pipeline.mx_api.careful import parse
from mx_pipeline.mx_api.decoding import Decoding
from mx_pipeline.mx_api.envelope import open_envelope
from mx_pipeline.records import (
    Card,
    Customer,
    Invoice,
    InvoiceDetail,
    Payment,
    PaymentDetail,
    PaymentOfInvoice,
    RefusedRecord,
)
from mx_pipeline_tests.mx_api.samples import (
    FIRST_ID,
    OURS,
    a_payment,
    a_payment_detail,
    a_purchase,
    an_invoice,
    an_invoice_detail,
)
from mx_pipeline_tests.mx_api.vendor import Vendor, a_page, a_reply

PAYMENTS = Decoding(Payment, stream="payments", merchant_id=OURS, keys_sent_once=("id", "amount", "status"))
INVOICES = Decoding(InvoiceDetail, stream="invoice_details", merchant_id=OURS, keys_sent_once=())


def taken_in(record: dict[str, Any] | bytes) -> Payment | RefusedRecord:
    raw = record if isinstance(record, bytes) else json.dumps(record, separators=(",", ":")).encode()
    return PAYMENTS.row(msgspec.Raw(raw))


def payment(**changes: Any) -> Payment:
    record = taken_in(a_payment(**changes))
    assert isinstance(record, Payment), record
    return record


def refusal(**changes: Any) -> str:
    record = taken_in(a_payment(**changes))
    assert isinstance(record, RefusedRecord), record
    return record.reason


def with_number(name: str, literal: str) -> bytes:
    """A payment whose field holds this JSON literal, which json.dumps could not write."""
    return json.dumps(a_payment(**{name: "LITERAL"})).replace('"LITERAL"', literal).encode()


def test_a_listed_payment_is_read_field_by_field():
    assert payment() == Payment(
        payment_id=FIRST_ID + 1,
        created=datetime(2025, 8, 5, 10, 2, 38, 40_000, tzinfo=UTC),
        amount=Decimal(207),
        status="Approved",
        merchant_id=OURS,
        type="Sale",
        source="Recurring",
        tender_type="Card",
        invoice="1234",
        refunded_amount=Decimal(0),
        settled_amount=Decimal(0),
        tax=Decimal("8.24"),
        surcharge_amount=Decimal(7),
        surcharge_rate=Decimal("0.035"),
        surcharge_label="admin fee",
        currency="USD",
        settled_currency="USD",
        client_reference="1234",
        reference="500000000001",
        auth_code="012345",
        auth_message="Approved and completed successfully",
        response_code=0,
        issuer_response_code="00",
        card_account=Card(card_type="Visa", last4="1111"),
        batch="Z01A1",
        device="MXMRCG01",
        is_duplicate=False,
        auth_only=False,
        tax_exempt=False,
        review_indicator=0,
        customer_name="Pat Example",
        customer_code="05AAA001AAAA",
    )


def test_an_invoice_detail_is_read_with_its_lines_as_sent(vendor: Vendor, client: MxClient):
    line = a_purchase(
        price="200.10", productVariant={"id": 5, "price": "0"}, secret="x", taxes=[{"rate": "1"}]
    )
    vendor.answers(a_reply(an_invoice_detail(purchases=[line, a_purchase(2, quantity=None)])))

    invoice = client.get_invoice(10000001)

    assert isinstance(invoice, InvoiceDetail)
    assert invoice.customer == Customer(customer_id=40000001, name="Pat Example")
    assert invoice.payments == (PaymentOfInvoice(payment_id=FIRST_ID + 1),)
    assert [each.price for each in invoice.purchases] == [Decimal("200.10"), Decimal(200)]
    assert invoice.purchases[1].quantity is None
    assert invoice.purchases[0].product_name == "Plan A - Plan A "
    assert invoice.memo is None
    sent = {name: value for name, value in line.items() if name != "secret"}
    assert invoice.purchases_as_sent == (sent, a_purchase(2, quantity=None))


def test_numbers_of_a_line_as_sent_are_exact(vendor: Vendor, client: MxClient):
    body = json.dumps(an_invoice_detail(purchases=[a_purchase(price="LITERAL")])).replace('"LITERAL"', "0.10")
    vendor.answers(a_reply(body.encode()))

    invoice = client.get_invoice(10000001)

    assert isinstance(invoice, InvoiceDetail)
    assert str(invoice.purchases_as_sent[0]["price"]) == "0.10"


@pytest.mark.parametrize("bar_code", ["", "iVBOR", 'not "one', None, ["iVBOR"], {"barCode": "iVBOR"}])
def test_whatever_the_bar_code_is_a_key_that_comes_twice_around_it_is_seen(
    vendor: Vendor, client: MxClient, bar_code: object
) -> None:
    body = json.dumps({"barCode": bar_code, **an_invoice_detail(barCode=...)}, separators=(",", ":"))
    twice = body.replace('"paidAmount":', '"paidAmount":"1","paidAmount":')
    vendor.answers(a_reply(body.encode()), a_reply(twice.encode()))

    assert isinstance(client.get_invoice(10000001), InvoiceDetail)
    assert isinstance(client.get_invoice(10000001), RefusedRecord)


@pytest.mark.parametrize("changes", [{"payments": ...}, {"payments": None}, {"payments": []}])
def test_an_invoice_may_have_no_payments(vendor: Vendor, client: MxClient, changes):
    vendor.answers(a_reply(an_invoice_detail(**changes)))

    assert client.get_invoice(10000001).payments == ()


@pytest.mark.parametrize(
    ("purchases", "reason"),
    [
        (
            [a_purchase(), a_purchase(totalAmount="NaN")],
            "purchases[1].totalAmount: is not a plain decimal number",
        ),
        ([a_purchase(productName=["x"])], "purchases[0].productName: is not text"),
        ([5], "purchases[0]: is not an object"),
        ({}, "purchases: is not a list"),
    ],
)
def test_a_bad_line_refuses_the_whole_invoice(vendor: Vendor, client: MxClient, purchases, reason):
    vendor.answers(a_reply(an_invoice_detail(purchases=purchases)))

    refused = client.get_invoice(10000001)

    assert isinstance(refused, RefusedRecord)
    assert (refused.stream, refused.mx_id, refused.reason) == ("invoice_details", 10000001, reason)
    assert "purchases" in refused.keys


def test_a_key_twice_in_a_line_refuses_the_invoice(vendor: Vendor, client: MxClient):
    body = json.dumps(an_invoice_detail(), separators=(",", ":")).replace(
        '"price":"200"', '"totalAmount":"1","price":"200"'
    )
    vendor.answers(a_reply(body.encode()))

    refused = client.get_invoice(10000001)

    assert isinstance(refused, RefusedRecord)
    assert refused.reason == "purchases[0]: has the same key twice"


def test_d10_tokens_and_other_undeclared_fields_never_enter(vendor: Vendor, client: MxClient):
    vendor.answers(a_reply(a_payment_detail()), a_reply(an_invoice_detail()))

    taken = repr((client.get_payment(FIRST_ID + 1), client.get_invoice(10000001)))

    assert not any(word in taken for word in ("PAAAA", "iVBORw", "ABC123", "1 Test St", "OFFICE@"))


def test_d21_another_merchants_record_is_refused_and_never_yielded(vendor: Vendor, client: MxClient):
    vendor.answers(a_page(a_payment(1), a_payment(2, merchantId=2), a_payment(3, merchantId="2")))

    (page,) = client.list_payments()

    assert [each.payment_id for each in page.records] == [FIRST_ID + 1]
    assert [each.reason for each in page.refused] == ["merchantId: is another merchant's"] * 2


def test_another_record_than_the_one_asked_for_is_refused(vendor: Vendor, client: MxClient):
    vendor.answers(a_reply(a_payment_detail(2)))

    refused = client.get_payment(FIRST_ID + 1)

    assert refused == RefusedRecord(
        stream="payment_details", mx_id=FIRST_ID + 1, reason="id: is not the one asked for"
    )


def test_d23_one_poison_record_leaves_the_others_whole(vendor: Vendor, client: MxClient):
    body = b'{"recordCount":4,"records":[' + json.dumps(a_payment(1)).encode()
    body += (
        b',{"id":5,"amount":"1"},"nonsense",'
        + json.dumps(a_payment(2, customerName="\ud800")).encode()
        + b"]}"
    )
    vendor.answers(a_reply(body))

    (page,) = client.list_payments()

    assert [each.payment_id for each in page.records] == [FIRST_ID + 1, FIRST_ID + 2]
    assert [(each.mx_id, each.reason) for each in page.refused] == [
        (5, "created: is missing or empty"),
        (None, "record: is not an object"),
    ]


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2025-08-05T10:02:38Z", datetime(2025, 8, 5, 10, 2, 38, tzinfo=UTC)),
        ("2025-08-05T10:02:38.5Z", datetime(2025, 8, 5, 10, 2, 38, 500_000, tzinfo=UTC)),
        ("2025-08-05T10:02:38.043Z", datetime(2025, 8, 5, 10, 2, 38, 43_000, tzinfo=UTC)),
        ("2025-08-05T10:02:38.1234567Z", datetime(2025, 8, 5, 10, 2, 38, 123_457, tzinfo=UTC)),
        ("2025-08-05T10:02:38.123456789Z", datetime(2025, 8, 5, 10, 2, 38, 123_457, tzinfo=UTC)),
        ("2025-08-05T06:02:38-04:00", datetime(2025, 8, 5, 10, 2, 38, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ],
)
def test_d8_instants_are_read_with_any_fraction_and_kept_in_utc(sent, read):
    created = payment(created=sent).created

    assert created == read
    assert created.tzinfo is UTC


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        ("2025-08-05T10:02:38", "created: has no time zone"),
        ("Aug 9 2018 6:21PM", "created: is not a date in ISO 8601"),
        ("2025-02-29T00:00:00Z", "created: is not a date in ISO 8601"),
        ("0001-01-01T00:00:00Z", "created: is not in the years 1990 to 2200"),
        ("0001-01-01T00:00:00", "created: has no time zone"),
        ("9999-12-31T23:59:59Z", "created: is not in the years 1990 to 2200"),
        ("9999-12-31T23:59:59.9999999Z", "created: is not a date in ISO 8601"),
        (1754388158, "created: is not a date in ISO 8601"),
        (None, "created: is missing or empty"),
        ("", "created: is missing or empty"),
        (..., "created: is missing or empty"),
    ],
)
def test_d8_a_payment_without_a_certain_instant_is_refused_and_never_gets_todays(sent, reason):
    assert refusal(created=sent) == reason


@pytest.mark.parametrize("sent", [None, "", ..., "0001-01-01T00:00:00", "0001-01-01T00:00:00Z"])
def test_d8_an_optional_date_that_was_never_set_is_absent(vendor: Vendor, client: MxClient, sent):
    vendor.answers(a_page(an_invoice(dueDate=sent)))

    (page,) = client.list_invoices()

    assert page.records[0].due_date is None


@pytest.mark.parametrize("sent", ["9999-12-31T00:00:00Z", "2025-08-05T00:00:00", "soon", 5])
def test_d8_an_optional_date_that_is_wrong_refuses_the_record(vendor: Vendor, client: MxClient, sent):
    vendor.answers(a_page(an_invoice(dueDate=sent)))

    (page,) = client.list_invoices()

    assert page.records == ()
    assert page.refused[0].reason.startswith("dueDate: ")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("205.96", "205.96"),
        ("-758.66", "-758.66"),
        ("1.005", "1.005"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("999999999999999", "999999999999999"),
        ("0.000000000001", "1E-12"),
        (205, "205"),
        ("1e2", "1E+2"),
    ],
)
def test_d12_amounts_are_exact(sent, read):
    amount = payment(amount=sent).amount

    assert amount == Decimal(read)
    assert not (amount == 0 and amount.is_signed())


@pytest.mark.parametrize("literal", ["205.96", "0.1", "1234567890123.123456789012", "-0.0"])
def test_d11_json_numbers_for_money_are_exact(literal):
    record = taken_in(with_number("amount", literal))

    assert isinstance(record, Payment)
    assert record.amount == Decimal(literal)


@pytest.mark.parametrize(
    "sent",
    [
        "1,234.56",
        "1_000",
        " 5",
        "5 ",
        " 5 ",
        "\t5",
        "5\u00a0",
        "\u0665",
        "\uff15",
        "NaN",
        "-sNaN",
        "Infinity",
        "1e400",
        "1000000000000000",
        "0.0000000000001",
        "123456789012345678901234567890",
        "$5",
        "0x5",
        "--5",
        "",
        None,
        ...,
        True,
        [],
        {"amount": "5"},
    ],
)
@pytest.mark.parametrize("pretty", [False, True])
def test_d12_what_is_no_plain_amount_is_refused(sent, pretty):
    body = json.dumps(
        a_payment(amount=sent), ensure_ascii=pretty, separators=(", ", ": ") if pretty else (",", ":")
    )

    record = taken_in(body.encode())

    assert isinstance(record, RefusedRecord)
    assert record.reason.startswith("amount: ")
    assert record.mx_id == FIRST_ID + 1


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "1E+999999999999", "1" * 5000])
def test_d12_number_literals_beyond_reason_are_refused(literal):
    record = taken_in(with_number("amount", literal))

    assert isinstance(record, RefusedRecord)
    assert record.reason.startswith("amount: ")


def test_a_rate_of_28_digits_is_exact_and_one_of_100_refused():
    rate = "0.01261829652996845425867507886"

    assert payment(surchargeRate=rate).surcharge_rate == Decimal(rate)
    assert refusal(surchargeRate="0." + "1" * 100) == "surchargeRate: has too many digits"


@pytest.mark.parametrize("mx_id", [2**53 + 1, 2**63 - 1, str(2**53 + 1)])
def test_d13_ids_beyond_a_double_are_exact(mx_id):
    assert payment(id=mx_id).payment_id == int(mx_id)


@pytest.mark.parametrize("mx_id", [0, -1, 2**63, 2**70, "007", "1.0", "", None, ..., True, 5.5, [], "\u0665"])
def test_d13_what_cannot_be_an_id_is_refused(mx_id):
    assert refusal(id=mx_id).startswith("id: ")


def test_d11_other_types_are_taken_where_nothing_is_lost():
    record = payment(
        invoice=1234,
        responseCode="51",
        isDuplicate="true",
        taxExempt=0,
        amount=207,
        merchantId=str(OURS),
        reviewIndicator=None,
        invoiceIds=["10000001"],
    )

    assert record.invoice == "1234"
    assert record.response_code == 51
    assert record.is_duplicate is True
    assert record.tax_exempt is False
    assert record.review_indicator is None
    assert record.invoice_ids == (10000001,)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"cardAccount": []}, "cardAccount: is not an object"),
        ({"cardAccount": {"last4": {}}}, "cardAccount.last4: is not text"),
        ({"invoiceIds": {"0": 1}}, "invoiceIds: is not a list"),
        ({"invoiceIds": [0]}, f"invoiceIds[0]: is not a whole number from 1 to {2**63 - 1}"),
        ({"responseCode": True}, f"responseCode: is not a whole number from {1 - 2**63} to {2**63 - 1}"),
        ({"responseCode": 2**63}, f"responseCode: is not a whole number from {1 - 2**63} to {2**63 - 1}"),
        ({"isDuplicate": "maybe"}, "isDuplicate: is neither true nor false"),
        ({"customerName": 5.5}, "customerName: is not text"),
        ({"status": ""}, "status: is missing or empty"),
    ],
)
def test_d11_what_would_lose_something_is_refused_with_the_field_named(changes, reason):
    assert refusal(**changes) == reason


def test_a_reason_never_holds_a_personal_value():
    refused = taken_in(a_payment(customerName=["Pat Example"], amount="Pat Example"))

    assert isinstance(refused, RefusedRecord)
    assert "Pat" not in repr(refused)


def test_d10_empty_texts_and_nulls_are_absent():
    record = payment(
        invoice="", customerName=None, cardAccount={"cardType": "", "last4": "1111"}, tax="", taxExempt=""
    )

    assert record.invoice is None
    assert record.customer_name is None
    assert record.card_account == Card(last4="1111")
    assert record.tax is None
    assert record.tax_exempt is None


def test_d10_a_record_of_nulls_is_refused():
    refused = taken_in(dict.fromkeys(a_payment()))

    assert isinstance(refused, RefusedRecord)
    assert (refused.mx_id, refused.reason) == (None, "id: is missing or empty")
    assert "customerName" in refused.keys


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("Zoë 😀 \u202eRTL e\u0301", "Zoë 😀 \u202eRTL e\u0301"),
        ("a\u0000b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("'; DROP TABLE x; --", "'; DROP TABLE x; --"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("x" * 10_000, "x" * 10_000),
        ("tab\tand\nline", "tab\tand\nline"),
        (" spaces ", " spaces "),
    ],
)
def test_d14_names_are_kept_and_only_what_postgres_cannot_store_is_replaced(sent, read):
    assert payment(customerName=sent).customer_name == read


def test_d14_a_nul_in_a_product_line_is_replaced_in_what_is_kept_as_sent(vendor: Vendor, client: MxClient):
    lines = [a_purchase(productName="a\u0000", productVariant={"a\ud800": ["\u0000"]})]
    vendor.answers(a_reply(an_invoice_detail(purchases=lines)))

    invoice = client.get_invoice(10000001)

    assert isinstance(invoice, InvoiceDetail)
    assert invoice.purchases[0].product_name == "a\ufffd"
    assert invoice.purchases_as_sent[0]["productVariant"] == {"a\ufffd": ["\ufffd"]}


@pytest.mark.parametrize("key", ["id", "amount", "status"])
def test_a_key_that_comes_twice_refuses_the_record(key):
    sent = json.dumps(a_payment(), separators=(",", ":"))

    record = taken_in(f'{{"{key}":"5",{sent[1:]}'.encode())

    assert isinstance(record, RefusedRecord)
    assert record.reason == "record: has the same key twice"


@pytest.mark.parametrize(
    "raw", [b"\xff", b'"\xff"', b'{"customerName":"\xff"}', b"[1]", b"null", b"nonsense"]
)
def test_rows_that_are_no_records_are_refused_one_by_one(raw):
    assert isinstance(taken_in(raw), RefusedRecord)


@pytest.mark.parametrize("count", ["5", -1, None, 5.5, True, [], 10**40])
def test_d4_a_record_count_that_is_no_count_is_unknown_and_noted(vendor: Vendor, client: MxClient, count):
    reply = a_reply({"recordCount": count, "records": []})
    vendor.answers(reply)

    (page,) = client.list_payments()

    assert page.record_count is None
    assert len(page.notes) == 1


def test_d4_a_missing_record_count_is_unknown_and_noted(vendor: Vendor, client: MxClient):
    vendor.answers(a_reply({"records": []}))

    (page,) = client.list_payments()

    assert (page.record_count, page.notes) == (None, ("recordCount is missing",))


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str)
    | st.sampled_from(
        [
            "",
            "0",
            "-0",
            "5",
            " 5",
            "1_0",
            "1e2",
            "NaN",
            "true",
            "2025-08-05T10:02:38Z",
            "2025-08-05T10:02:38",
            "\u0665",
        ]
    )
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["last4", "cardType", "id"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=400, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*a_payment(), "invoiceIds", "settledDate"]), JSON_VALUES, max_size=3),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": ")]),
)
def test_the_fast_way_takes_only_what_the_careful_way_takes_and_reads_it_the_same(
    changes, ascii_only, separators
):
    raw = json.dumps(a_payment(**changes), ensure_ascii=ascii_only, separators=separators).encode(
        "utf-8", "surrogatepass"
    )

    fast = PAYMENTS._fast(raw)

    if fast is not None:
        assert fast == PAYMENTS._carefully(parse(raw))


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*an_invoice_detail()]), JSON_VALUES, max_size=2),
    st.dictionaries(st.sampled_from([*a_purchase(), "secret"]), JSON_VALUES, max_size=3),
)
def test_the_fast_way_reads_an_invoice_and_its_lines_as_the_careful_way_does(changes, line):
    tree = an_invoice_detail(**{"purchases": [a_purchase(), a_purchase(2, **line)], **changes})
    raw = json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")

    fast = INVOICES._fast(raw)

    if fast is not None:
        assert fast == INVOICES._carefully(parse(raw))


def test_the_fast_way_is_the_usual_one():
    asked, page = (
        Asked("payment_list"),
        a_page(*(a_payment(number) for number in range(9))).split(b"\r\n\r\n", 1)[1],
    )

    rows = open_envelope(asked, Answer(200, {}, page, 0)).rows

    assert all(PAYMENTS._fast(bytes(row)) for row in rows if isinstance(row, msgspec.Raw))
    assert len(rows) == 9


def test_every_kind_of_record_takes_the_fast_way():
    samples: list[tuple[type, Callable[[], dict[str, Any]]]] = [
        (Payment, a_payment),
        (PaymentDetail, a_payment_detail),
        (Invoice, an_invoice),
        (InvoiceDetail, an_invoice_detail),
    ]

    for record_type, sample in samples:
        decoding = Decoding(record_type, stream="any", merchant_id=OURS, keys_sent_once=())
        assert decoding._fast(json.dumps(sample()).encode()) == decoding._carefully(sample())
