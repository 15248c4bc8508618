"""
An invoice as MX's list and detail show it (mx_api.md 2.8, 2.9, 5.1).
"""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

from mx_pipeline.synthetic_mx.arranged import as_arranged
from mx_pipeline.synthetic_mx.facts import Invoice, Line
from mx_pipeline.synthetic_mx.fate import Standing
from mx_pipeline.synthetic_mx.merchant import Merchant
from mx_pipeline.synthetic_mx.payment_bodies import body_in_invoice
from mx_pipeline.synthetic_mx.people import ACCESS_CODE_CANARY, BAR_CODE_CANARY, person
from mx_pipeline.synthetic_mx.products import main_product
from mx_pipeline.synthetic_mx.timeline import INVOICE_IDS_START
from mx_pipeline.synthetic_mx.wire_text import instant, midnight_instant, money

Body = dict[str, Any]

PURCHASE_IDS_START: Final = 9_000_000
PURCHASE_IDS_PER_INVOICE: Final = 8
BAR_CODE_HEAD: Final = "iVBORw0KGgoAAAANSUhEUgAA" + BAR_CODE_CANARY
BAR_CODE_FILL: Final = "AAECAwQFBgcICQoLDA0ODxAR" * 95
LIST_ONLY: Final = frozenset({"customerName", "customerNumber", "taxAmount", "currency"})
DETAIL_ONLY: Final = frozenset(
    {
        "dba", "email", "accessCode", "saleQuantity", "netQuantity", "purchases", "shippingLineItems",
        "discounts", "taxes", "customer", "billingAddress", "shippingAddress", "masterCardSecureCode",
        "payments", "barCode", "allowCreditCard", "allowACH", "isShippingSameAsBilling", "legacy",
    }
)  # fmt: skip


def list_body(merchant: Merchant, invoice: Invoice) -> Body:
    who = person(merchant.seed, invoice.customer)
    bits = invoice.salt
    body = _common(merchant, invoice, merchant.standing(invoice))
    if bits & 31:
        body["customerName"] = who.name
    if bits >> 5 & 3:
        body["customerNumber"] = "" if bits >> 7 & 3 else who.code
    if bits >> 9 & 1:
        body["taxAmount"] = "0"
    if bits >> 10 & 1:
        body["currency"] = "USD"
    if not bits >> 11 & 15:
        body["type"] = None
    if not bits >> 15 & 15:
        body["terms"] = None
    return as_arranged(body, invoice.shown, never=DETAIL_ONLY) if invoice.shown else body


def detail_body(merchant: Merchant, invoice: Invoice) -> Body:
    who = person(merchant.seed, invoice.customer)
    standing = merchant.standing(invoice)
    address = {
        "address1": who.street,
        "city": "Testville",
        "state": "TX",
        "zip": who.zip,
    }
    name = (invoice.shown or {}).get("customerName") or who.name
    extra: Body = {
        "purchases": purchases_of(invoice),
        "shippingLineItems": [],
        "discounts": [],
        "taxes": [],
        "customer": {"id": who.id, "name": name},
    }
    if invoice.salt >> 19 & 15:
        extra["billingAddress"] = {"name": name, **address}
        if invoice.salt >> 23 & 3:
            extra["billingAddress"]["country"] = "US"
        extra["shippingAddress"] = {**address, "country": "US"}
    extra["masterCardSecureCode"] = "0"
    body = _common(merchant, invoice, standing, extra)
    body["payments"] = [body_in_invoice(merchant, payment) for payment in merchant.payments_of(invoice)]
    body["barCode"] = f"{BAR_CODE_HEAD}{invoice.salt:020d}{BAR_CODE_FILL}AAAASUVORK5CYII="
    body["allowCreditCard"] = True
    body["allowACH"] = True
    body["isShippingSameAsBilling"] = False
    body["legacy"] = False
    return as_arranged(body, invoice.shown, never=LIST_ONLY) if invoice.shown else body


def _common(merchant: Merchant, invoice: Invoice, standing: Standing, extra: Body | None = None) -> Body:
    """The fields in recorded order; `extra` (detail only) goes between sourceType and status."""
    bits = invoice.salt
    is_detail = extra is not None
    quantity = quantity_of(invoice)
    returned = quantity if standing.is_returned else 0
    body: Body = {
        "id": invoice.id,
        "merchantId": merchant.id,
        "type": "Sale",
        "receiptNumber": f"05{bits % (1 << 40):010X}",
    }
    if is_detail:
        body["dba"] = f"SYNTHETIC CLINIC {merchant.id}"
        body["email"] = "OFFICE@EXAMPLE.TEST"
        body["accessCode"] = f"{ACCESS_CODE_CANARY}{bits >> 30 & 255:02X}"
    body["invoiceNumber"] = invoice.number
    body["isTaxExempt"] = False
    body["memo"] = ""
    body["quantity"] = str(quantity)
    if is_detail:
        body["saleQuantity"] = str(quantity)
    body["returnQuantity"] = str(returned)
    body["returnStatus"] = "None"
    if is_detail:
        body["netQuantity"] = str(quantity - returned)
    body["totalAmount"] = money(invoice.total)
    body["subTotalAmount"] = money(invoice.subtotal)
    body["discountAmount"] = money(invoice.discount)
    body["balance"] = money(standing.balance)
    body["paidAmount"] = money(standing.paid)
    body["dueDate"] = midnight_instant(invoice.due)
    body["created"] = instant(invoice.created)
    body["invoiceDate"] = midnight_instant(invoice.day_start)
    body["sourceType"] = "Recurring"
    if extra is not None:
        body.update(extra)
    body["status"] = standing.status
    body["terms"] = "None" if invoice.due == invoice.day_start else "Custom"
    return body


def quantity_of(invoice: Invoice) -> int:
    """Some invoices that nobody paid say 0, whatever their lines say."""
    if not invoice.payment_ids and not invoice.salt >> 27 & 7:
        return 0
    return sum(line.quantity if line.quantity is not None else 1 for line in invoice.lines)


def purchases_of(invoice: Invoice) -> list[Body]:
    arranged = (invoice.shown or {}).get("purchases")
    if arranged is not None:
        return arranged
    first = PURCHASE_IDS_START + (invoice.id - INVOICE_IDS_START) * PURCHASE_IDS_PER_INVOICE
    return [
        purchase_body(line, first + n, invoice.created + 1 + n % 3) for n, line in enumerate(invoice.lines)
    ]


def product_of(invoice: Invoice) -> list[tuple[str | None, int | Decimal]]:
    """Name and total of each line, for the choice of the main product."""
    arranged = (invoice.shown or {}).get("purchases")
    if not isinstance(arranged, list):
        return [(line.name, line.total) for line in invoice.lines]
    return [
        (line.get("productName"), _amount(line.get("totalAmount")) * 100) for line in purchases_of(invoice)
    ]


def product_of_all(invoices: list[Invoice]) -> str | None:
    return main_product(line for invoice in invoices for line in product_of(invoice))


def _amount(text: object) -> Decimal:
    try:
        return Decimal(str(text))
    except InvalidOperation:
        return Decimal(0)


def purchase_body(line: Line, purchase_id: int, created: int) -> Body:
    body: Body = {"id": purchase_id}
    if line.product_id is not None:
        body["productId"] = line.product_id
    body["productName"] = line.name
    if line.description is not None:
        body["description"] = line.description
    body["quantity"] = line.quantity
    body["quantityReturned"] = 0
    body["price"] = money(line.price)
    body["discountAmount"] = "0"
    body["priceDiscountAmount"] = "0"
    body["subTotalAmount"] = money(line.total)
    body["taxAmount"] = "0"
    body["totalAmount"] = money(line.total)
    body["trackingNumber"] = 0
    body["created"] = instant(created)
    if line.product_id is not None:
        body["productVariant"] = {"id": line.product_id - 200_000, "productId": 0, "price": "0"}
    body["taxes"] = []
    body["discounts"] = []
    return body
