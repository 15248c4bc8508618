"""
A payment as MX's list and detail show it: which fields, in which order, in which shape (mx_api.md 2.1, 2.2).
"""

from functools import lru_cache
from typing import Any, Final

from mx_pipeline.synthetic_mx.arranged import as_arranged
from mx_pipeline.synthetic_mx.dice import mix
from mx_pipeline.synthetic_mx.facts import Payment
from mx_pipeline.synthetic_mx.fate import batch_day, settled_date, status_of
from mx_pipeline.synthetic_mx.merchant import Merchant
from mx_pipeline.synthetic_mx.payment_parts import card_account, level_3_line, risk_of
from mx_pipeline.synthetic_mx.people import person
from mx_pipeline.synthetic_mx.returns import REPEATED_REFUND
from mx_pipeline.synthetic_mx.wire_text import instant, money

Body = dict[str, Any]

DEVICES: Final = {"Recurring": "MXMRCG01", "API": "MXMAPI01", "QuickPay": "MXMQP001", "Invoice": "MXMINV01"}
CREATORS: Final = {"Recurring": "RecurringBilling", "API": "Synthetic Kiosk"}
DECLINES: Final = (
    *[(51, "51", "Insufficient funds", "2")] * 9,
    *[(51, "51", "Not sufficient funds ", "24")] * 7,
    *[(5, "46", "Closed account", "3")] * 3,
    (5, "5C", "Do not honor", "1"),
    *[(14, "14", "Invalid account number", "1")] * 3,
    *[(54, "54", "Expired card", "1")] * 2,
    (30, "30", "Format error", "30"),
    (7, "07", "Pick up card", "4"),
    (57, "57", "Not permitted", "25"),
)
"""In the recorded proportions: response code, issuer's code, message, merchant advice."""
LIST_ONLY: Final = frozenset({"refundedAmount"})
DETAIL_ONLY: Final = frozenset(
    {
        "batchId", "posData", "requireSignature", "originalAmount", "cashbackAmount", "discountAmount",
        "balance", "invoiceIds", "meta", "originalId", "replayId", "purchases", "MerchantAdviceCode",
        "MerchantAdviceMessage",
    }
)  # fmt: skip
NOT_IN_INVOICE: Final = frozenset(
    {
        "customerName", "customerCode", "source", "device", "batch", "creatorName", "authMessage",
        "taxExempt", "reviewIndicator", "invoiceIds",
    }
)  # fmt: skip
BATCH_IDS_START: Final = 10_000_000_000_000
REPLAY_IDS_START: Final = 17_600_000_000_000_000


def list_body(merchant: Merchant, payment: Payment, *, with_invoice_ids: bool = False) -> Body:
    body = _View(merchant, payment, detail=False).body()
    if with_invoice_ids and payment.tells_invoice_ids:
        body["invoiceIds"] = payment.invoice_ids
    return as_arranged(body, payment.shown, never=DETAIL_ONLY) if payment.shown else body


def detail_body(merchant: Merchant, payment: Payment) -> Body:
    body = _View(merchant, payment, detail=True).body()
    return as_arranged(body, payment.shown, never=LIST_ONLY) if payment.shown else body


def body_in_invoice(merchant: Merchant, payment: Payment) -> Body:
    return {k: v for k, v in detail_body(merchant, payment).items() if k not in NOT_IN_INVOICE}


@lru_cache(maxsize=4096)
def _batch(seed: int, day: int) -> str:
    return f"{'ZYXWV'[day % 5]}{mix(seed, day) & 0xFFFF:04X}"


class _View:
    """One payment as it is to be shown; each method adds the next fields, in the recorded order."""

    def __init__(self, merchant: Merchant, payment: Payment, *, detail: bool) -> None:
        self.merchant = merchant
        self.payment = payment
        self.detail = detail
        self.who = person(merchant.seed, payment.customer)
        self.status = status_of(payment, merchant.closed_through)
        self.is_declined = self.status == "Declined"
        self.is_card = payment.tender == "Card"
        self.is_linked_return = payment.type == "Return" and payment.original_id is not None
        self.is_refused_repeat = self.is_declined and payment.decline == REPEATED_REFUND
        """Such a record has a reduced body."""
        self.outcome = self._outcome()

    def _outcome(self) -> tuple[int, str, str, str]:
        if self.is_refused_repeat:
            return (306, "06", "Refund exceeds the original", "3")
        if self.is_declined:
            return DECLINES[self.payment.decline % len(DECLINES)]
        if self.payment.type == "Return" and not self.payment.salt & 3:
            # Recorded: a return may be approved under code 85; the status is the truth.
            return (85, "85", "No reason to decline", "")
        approved = "000" if self.who.card_type == "American Express" else "00"
        return (0, approved, "Approved and completed successfully", "")

    def body(self) -> Body:
        body = self._opening()
        self._card(body)
        self._settling(body)
        self._money(body)
        self._parties(body)
        self._closing(body)
        return body

    def _opening(self) -> Body:
        payment, merchant = self.payment, self.merchant
        day = batch_day(payment, merchant.closed_through)
        body: Body = {
            "created": instant(payment.created),
            "paymentToken": self.who.token,
            "id": payment.id,
            "creatorName": CREATORS.get(payment.source, "Synth Frontdesk"),
            "isDuplicate": payment.is_duplicate,
            "merchantId": merchant.id,
        }
        if payment.source in DEVICES and payment.salt % 64:
            body["device"] = DEVICES[payment.source]
        body["batch"] = _batch(merchant.seed, day)
        if self.detail:
            body["batchId"] = BATCH_IDS_START + merchant.id % 1_000_000 * 100_000 + day
        body["tenderType"] = payment.tender
        body["amount"] = money(payment.amount)
        return body

    def _card(self, body: Body) -> None:
        payment = self.payment
        if self.is_card:
            body["cardAccount"] = card_account(
                self.who, payment, detail=self.detail, is_linked_return=self.is_linked_return
            )
        if self.detail and not self.is_refused_repeat and payment.source != "Terminal":
            body["posData"] = {"panCaptureMethod": "Manual"}
        body["authOnly"] = False
        if not self.is_declined:
            body["authCode"] = f"{(payment.salt >> 7) % 1_000_000:06d}"
        body["status"] = self.status
        body["risk"] = risk_of(payment.salt, detail=self.detail) if self.is_card else {}

    def _settling(self, body: Body) -> None:
        if self.detail:
            body["requireSignature"] = False
        body["settledAmount"] = "0"
        body["currency"] = "USD"
        body["settledCurrency"] = "USD"
        if self.status == "Settled":
            body["settledDate"] = settled_date(self.payment, self.merchant.closed_through)
        body["cardPresent"] = self.payment.source == "Terminal"
        body["authMessage"] = self.outcome[2]

    def _money(self, body: Body) -> None:
        payment, bits = self.payment, self.payment.salt
        if self.detail and not self.is_refused_repeat:
            body["originalAmount"] = money(abs(payment.amount))
        body["availableAuthAmount"] = "0"
        letters = f"N{bits >> 9 & 0xFFFFFFFFFFF:011X}"
        body["reference"] = letters if self.is_refused_repeat else f"5{bits % 10**11:011d}"
        if payment.tax is not None:
            body["tax"] = money(payment.tax)
        if self.detail:
            body["cashbackAmount"] = "0"
        if payment.surcharge is not None:
            body["surchargeAmount"] = money(payment.surcharge)
            body["surchargeRate"] = "0.035"
            body["surchargeLabel"] = "admin fee"

    def _parties(self, body: Body) -> None:
        payment = self.payment
        if payment.reference is not None:
            body["invoice"] = payment.reference
        if payment.customer_code is not None:
            body["customerCode"] = payment.customer_code
        if payment.salt >> 12 & 63:
            body["customerName"] = self.who.name
        if self.detail and payment.source == "Recurring":
            body["discountAmount"] = "0"
        if payment.client_reference is not None:
            body["clientReference"] = payment.client_reference
        if not self.detail:
            body["refundedAmount"] = money(payment.refunded)

    def _closing(self, body: Body) -> None:
        payment = self.payment
        body["type"] = payment.type
        if not self.is_linked_return:
            body["taxExempt"] = False
        if not self.is_declined:
            body["reviewIndicator"] = 0
        if self.detail and payment.tells_invoice_ids:
            body["invoiceIds"] = payment.invoice_ids
        body["source"] = payment.source
        body["shouldGetCreditCardLevel"] = False
        body["responseCode"] = self.outcome[0]
        if self.is_card:
            body["IssuerResponseCode"] = self.outcome[1]
        if self.detail:
            advice = self.outcome[3] if self.is_declined else ""
            _detail_only(body, payment, advice, has_balance=not self.is_refused_repeat)


def _detail_only(body: Body, payment: Payment, advice: str, *, has_balance: bool) -> None:
    if payment.tells_original and payment.original_id is not None:
        body["originalId"] = payment.original_id
    if advice:
        body["MerchantAdviceCode"] = advice
        body["MerchantAdviceMessage"] = f"Synthetic advice {advice}"
    is_linked_return = payment.original_id is not None
    if payment.source in {"QuickPay", "Invoice"} and not is_linked_return:
        body["replayId"] = REPLAY_IDS_START + payment.salt % 10**13 * 2 + 1
        body["purchases"] = [level_3_line(payment)]
    if payment.source == "QuickPay" and payment.salt & 7:
        body["meta"] = "synthetic memo"
    if has_balance:
        body["balance"] = "0"
