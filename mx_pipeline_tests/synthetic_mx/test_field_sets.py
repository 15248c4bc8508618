"""Lists and details have their own fields, exactly those of the recordings (mx_api.md 2.1, 2.2, 2.8, 2.9, 5)."""

import re
from typing import Any

from mx_pipeline.synthetic_mx import CANARIES, NAME_CANARY

Bodies = list[dict[str, Any]]

PAYMENT_LIST_ALWAYS = {
    "created",
    "paymentToken",
    "id",
    "creatorName",
    "isDuplicate",
    "merchantId",
    "batch",
    "tenderType",
    "amount",
    "authOnly",
    "status",
    "risk",
    "settledAmount",
    "currency",
    "settledCurrency",
    "cardPresent",
    "authMessage",
    "availableAuthAmount",
    "reference",
    "refundedAmount",
    "type",
    "source",
    "shouldGetCreditCardLevel",
    "responseCode",
}
PAYMENT_LIST_SOMETIMES = {
    "device",
    "cardAccount",
    "authCode",
    "settledDate",
    "tax",
    "surchargeAmount",
    "surchargeRate",
    "surchargeLabel",
    "invoice",
    "customerCode",
    "customerName",
    "clientReference",
    "taxExempt",
    "reviewIndicator",
    "IssuerResponseCode",
}
PAYMENT_DETAIL_ALWAYS = PAYMENT_LIST_ALWAYS - {"refundedAmount"} | {
    "batchId",
    "requireSignature",
    "cashbackAmount",
}
PAYMENT_DETAIL_SOMETIMES = PAYMENT_LIST_SOMETIMES | {
    "posData",
    "originalAmount",
    "discountAmount",
    "balance",
    "invoiceIds",
    "meta",
    "originalId",
    "replayId",
    "purchases",
    "MerchantAdviceCode",
    "MerchantAdviceMessage",
}
INVOICE_LIST_ALWAYS = {
    "id",
    "merchantId",
    "type",
    "receiptNumber",
    "invoiceNumber",
    "isTaxExempt",
    "memo",
    "quantity",
    "returnQuantity",
    "returnStatus",
    "totalAmount",
    "subTotalAmount",
    "discountAmount",
    "balance",
    "paidAmount",
    "dueDate",
    "created",
    "invoiceDate",
    "sourceType",
    "status",
    "terms",
}
INVOICE_LIST_SOMETIMES = {"customerName", "customerNumber", "taxAmount", "currency"}
INVOICE_DETAIL_ALWAYS = INVOICE_LIST_ALWAYS | {
    "dba",
    "email",
    "accessCode",
    "saleQuantity",
    "netQuantity",
    "purchases",
    "shippingLineItems",
    "discounts",
    "taxes",
    "customer",
    "masterCardSecureCode",
    "payments",
    "barCode",
    "allowCreditCard",
    "allowACH",
    "isShippingSameAsBilling",
    "legacy",
}
INVOICE_DETAIL_SOMETIMES = {"billingAddress", "shippingAddress"}
PURCHASE_ALWAYS = {
    "id",
    "productName",
    "quantity",
    "quantityReturned",
    "price",
    "discountAmount",
    "priceDiscountAmount",
    "subTotalAmount",
    "taxAmount",
    "totalAmount",
    "trackingNumber",
    "created",
    "taxes",
    "discounts",
}
PURCHASE_SOMETIMES = {"productId", "description", "productVariant"}
NOT_IN_AN_INVOICES_PAYMENTS = {
    "customerName",
    "customerCode",
    "source",
    "device",
    "batch",
    "creatorName",
    "authMessage",
    "taxExempt",
    "reviewIndicator",
    "invoiceIds",
    "refundedAmount",
}


def assert_fields(bodies: Bodies, always: set[str], sometimes: set[str]) -> None:
    assert set.intersection(*(set(body) for body in bodies)) == always
    assert set.union(*(set(body) for body in bodies)) == always | sometimes


def test_the_payment_list_has_its_own_fields(listed: Bodies):
    assert_fields(listed, PAYMENT_LIST_ALWAYS, PAYMENT_LIST_SOMETIMES)


def test_the_payment_detail_has_its_own_fields(detailed: Bodies):
    assert_fields(detailed, PAYMENT_DETAIL_ALWAYS, PAYMENT_DETAIL_SOMETIMES)


def test_the_invoice_list_has_its_own_fields(listed_invoices: Bodies):
    assert_fields(listed_invoices, INVOICE_LIST_ALWAYS, INVOICE_LIST_SOMETIMES)


def test_the_invoice_detail_has_its_own_fields(invoices: Bodies):
    assert_fields(invoices, INVOICE_DETAIL_ALWAYS, INVOICE_DETAIL_SOMETIMES)
    assert_fields([p for i in invoices for p in i["purchases"]], PURCHASE_ALWAYS, PURCHASE_SOMETIMES)


def test_an_invoices_payments_are_a_subset_of_the_payment_detail(invoices: Bodies, detailed: Bodies):
    by_id = {payment["id"]: payment for payment in detailed}

    for payment in (payment for invoice in invoices for payment in invoice["payments"]):
        told = {k: v for k, v in by_id[payment["id"]].items() if k not in NOT_IN_AN_INVOICES_PAYMENTS}
        assert payment == told


def test_payments_omit_what_is_unknown_and_never_say_null(listed: Bodies, detailed: Bodies):
    assert all(value is not None for body in listed + detailed for value in body.values())


def test_the_card_has_few_fields_in_the_list_and_secrets_in_the_detail(listed: Bodies, detailed: Bodies):
    in_list = {name for body in listed for name in body.get("cardAccount", {})}
    in_detail = {name for body in detailed for name in body.get("cardAccount", {})}

    assert in_list == {"cardType", "last4", "token", "hasContract", "cardPresent"}
    assert in_detail - in_list == {
        "entryMode", "cardId", "expiryMonth", "expiryYear", "isDebit", "isCorp", "name",
    }  # fmt: skip


def test_money_is_trimmed_text_and_never_a_number(listed: Bodies, listed_invoices: Bodies):
    trimmed = re.compile(r"-?(0|[1-9]\d*)(\.\d?[1-9])?")
    fields = ["amount", "tax", "surchargeAmount", "refundedAmount", "settledAmount", "totalAmount", "balance"]

    texts = [body[field] for body in listed + listed_invoices for field in fields if field in body]

    assert all(trimmed.fullmatch(text) for text in texts)


def test_instants_are_utc_with_trimmed_fractions_and_settled_dates_have_no_zone(listed: Bodies):
    created = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,2}[1-9])?Z")
    settled = re.compile(r"\d{4}-\d\d-\d\dT23:00:0[01](\.\d?[1-9])?")

    assert all(created.fullmatch(body["created"]) for body in listed)
    assert {len(body["created"]) for body in listed} >= {20, 22, 23, 24}
    assert all(settled.fullmatch(body["settledDate"]) for body in listed if "settledDate" in body)
    assert all(("settledDate" in body) == (body["status"] == "Settled") for body in listed)


def test_ids_and_quantities_have_the_vendors_types(detailed: Bodies, invoices: Bodies):
    assert all(4.0e15 <= body["id"] < 4.2e15 for body in detailed)
    assert all(isinstance(body["invoice"], str) for body in detailed if "invoice" in body)
    assert all(body["replayId"] > 2**53 for body in detailed if "replayId" in body)
    assert all(
        isinstance(body["invoiceNumber"], int) and isinstance(body["quantity"], str) for body in invoices
    )
    quantities = {type(line["quantity"]) for body in invoices for line in body["purchases"]}
    assert quantities == {int, type(None)}


def test_every_secret_carries_a_word_to_grep_for(detailed: Bodies, invoices: Bodies):
    token, card_id, holder, address, access_code, bar_code = CANARIES

    assert all(re.fullmatch(rf"P{token}[0-9A-F]{{20}}", body["paymentToken"]) for body in detailed)
    cards = [body["cardAccount"] for body in detailed if "cardAccount" in body]
    assert all(card_id in card["cardId"] and len(card["cardId"]) == 28 for card in cards)
    assert all(holder in card["name"] for card in cards if "name" in card)
    assert all(address in str(body["billingAddress"]) for body in invoices if "billingAddress" in body)
    assert all(
        body["accessCode"].startswith(access_code) and len(body["accessCode"]) == 6 for body in invoices
    )
    assert all(bar_code in body["barCode"] and len(body["barCode"]) > 2_300 for body in invoices)
    assert all(NAME_CANARY in body["customer"]["name"] for body in invoices)
