"""Synthetic bodies in the shapes of `mx_api.md`; every value is invented."""

from __future__ import annotations

from typing import Any

OURS = 1000000001
FIRST_ID = 4000000000000000


def a_payment(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A recurring payment as the list shows it; a change to `...` removes the field."""
    return _changed(
        {
            "created": "2025-08-05T10:02:38.04Z",
            "paymentToken": "PAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1",
            "id": FIRST_ID + number,
            "creatorName": "RecurringBilling",
            "isDuplicate": False,
            "merchantId": OURS,
            "device": "MXMRCG01",
            "batch": "Z01A1",
            "tenderType": "Card",
            "amount": "207",
            "cardAccount": {
                "cardType": "Visa",
                "last4": "1111",
                "token": "PAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1",
                "hasContract": False,
                "cardPresent": False,
            },
            "authOnly": False,
            "authCode": "012345",
            "status": "Approved",
            "risk": {"avsResponse": "Match", "avsAddressMatch": True, "avsZipMatch": True},
            "settledAmount": "0",
            "currency": "USD",
            "settledCurrency": "USD",
            "cardPresent": False,
            "authMessage": "Approved and completed successfully",
            "availableAuthAmount": "0",
            "reference": "500000000001",
            "tax": "8.24",
            "surchargeAmount": "7",
            "surchargeRate": "0.035",
            "surchargeLabel": "admin fee",
            "invoice": "1234",
            "customerCode": "05AAA001AAAA",
            "customerName": "Pat Example",
            "clientReference": "1234",
            "refundedAmount": "0",
            "type": "Sale",
            "taxExempt": False,
            "reviewIndicator": 0,
            "source": "Recurring",
            "shouldGetCreditCardLevel": False,
            "responseCode": 0,
            "IssuerResponseCode": "00",
        },
        changes,
    )


def a_payment_detail(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The same payment asked for alone."""
    detail = a_payment(number, refundedAmount=...) | {
        "batchId": 10000000000001,
        "originalAmount": "207",
        "invoiceIds": [10000001],
        "replayId": 17600000000000001,
        "balance": "0",
        "posData": {"panCaptureMethod": "Manual"},
    }
    return _changed(detail, changes)


def an_invoice(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A paid invoice as the list shows it."""
    return _changed(
        {
            "id": 10000000 + number,
            "merchantId": OURS,
            "type": "Sale",
            "receiptNumber": "05AAA01A1AAA",
            "invoiceNumber": 1233 + number,
            "customerName": "Pat Example",
            "customerNumber": "",
            "isTaxExempt": False,
            "memo": "",
            "quantity": "1",
            "returnQuantity": "0",
            "returnStatus": "None",
            "totalAmount": "200",
            "subTotalAmount": "200",
            "discountAmount": "0",
            "balance": "0",
            "paidAmount": "200",
            "dueDate": "2025-08-05T04:00:00Z",
            "created": "2025-08-05T10:01:36.92Z",
            "invoiceDate": "2025-08-05T04:00:00Z",
            "sourceType": "Recurring",
            "status": "Paid",
            "terms": "None",
        },
        changes,
    )


def a_purchase(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A product line."""
    return _changed(
        {
            "id": 9000000 + number,
            "productId": 700001,
            "productName": "Plan A - Plan A ",
            "description": "Plan A",
            "quantity": 1,
            "quantityReturned": 0,
            "price": "200",
            "discountAmount": "0",
            "priceDiscountAmount": "0",
            "subTotalAmount": "200",
            "taxAmount": "0",
            "totalAmount": "200",
            "trackingNumber": 0,
            "created": "2025-08-05T10:01:36.923Z",
            "productVariant": {"id": 500001, "productId": 0, "price": "0"},
            "taxes": [],
            "discounts": [],
        },
        changes,
    )


def an_invoice_detail(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The same invoice asked for alone."""
    detail = an_invoice(number, customerName=..., customerNumber=...) | {
        "dba": "EXAMPLE CLINIC",
        "email": "OFFICE@EXAMPLE.TEST",
        "accessCode": "ABC123",
        "purchases": [a_purchase()],
        "shippingLineItems": [],
        "customer": {"id": 40000001, "name": "Pat Example"},
        "billingAddress": {"name": "Pat Example", "address1": "1 Test St", "city": "Testville"},
        "payments": [
            {"id": FIRST_ID + 1, "amount": "207", "status": "Approved", "created": "2025-08-05T10:02:38Z"}
        ],
        "barCode": "iVBORw0KGgo=" * 190,
    }
    return _changed(detail, changes)


def _changed(body: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (body | changes).items() if value is not ...}
