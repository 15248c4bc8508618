"""
The nested parts of a payment's body: card, address check, level-3 line (mx_api.md 2.1, 2.2, 5.2).
"""

from typing import Any

from mx_pipeline.synthetic_mx.facts import Payment
from mx_pipeline.synthetic_mx.people import HOLDER_CANARY, Person
from mx_pipeline.synthetic_mx.wire_text import money

Body = dict[str, Any]


def card_account(who: Person, payment: Payment, *, detail: bool, is_linked_return: bool) -> Body:
    present = payment.source == "Terminal"
    if not detail:
        return {
            "cardType": who.card_type,
            "last4": who.last4,
            "token": who.token,
            "hasContract": False,
            "cardPresent": present,
        }
    account: Body = {
        "cardType": who.card_type,
        "entryMode": "Swiped" if present else "Keyed",
        "last4": who.last4,
        "cardId": who.card_id,
        "token": who.token,
        "expiryMonth": who.expiry_month,
        "expiryYear": who.expiry_year,
        "hasContract": False,
        "cardPresent": present,
    }
    if not is_linked_return:
        account["isDebit"] = who.is_debit
        account["isCorp"] = who.is_corp
    if payment.source in {"QuickPay", "Invoice"}:
        account["name"] = f"{who.name.strip()} {HOLDER_CANARY}"
    return account


def risk_of(bits: int, *, detail: bool) -> Body:
    """Six in ten were checked: Y 117, N 14, Z 12 of the recorded 144."""
    luck = (bits >> 20) % 240
    if luck >= 144:
        return {"avsAccountNameMatchPerformed": False} if luck < 230 else {}
    code = "Y" if luck < 117 else "N" if luck < 131 else "Z" if luck < 143 else "M"
    risk: Body = (
        {"avsResponseCode": code} if detail else {"avsResponse": "No Match" if code == "N" else "Match"}
    )
    risk["avsAddressMatch"] = code in "YM"
    risk["avsZipMatch"] = code != "N"
    risk["avsAccountNameMatchPerformed"] = False
    if detail and luck < 3:
        risk["cvvResponseCode"], risk["cvvResponse"], risk["cvvMatch"] = "M", "Match", True
    return risk


def level_3_line(payment: Payment) -> Body:
    """Not what was bought: a phrase of the merchant's trade, with the vendor's empty date (mx_api.md 5.2)."""
    return {
        "iId": payment.salt % 10**8,
        "code": "MISC",
        "name": "MEDICAL SERVICES",
        "description": "MEDICAL SERVICES",
        "unitOfMeasure": "EA",
        "unitPrice": money(payment.base),
        "quantity": 1,
        "taxRate": "-0.0412" if payment.base < 0 else "0.04120000000000000000000000",
        "taxAmount": money(payment.tax or 0),
        "discountRate": "0",
        "discountAmount": "0",
        "extendedAmount": money(payment.base),
        "lineItemId": 0,
        "dateCreated": "0001-01-01T00:00:00",
        "transactionId": str(payment.id),
        "transactionIId": 0,
    }
