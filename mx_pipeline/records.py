"""
The words that both wings share: payments and invoices as MX Merchant shows them.

Each record is an allow-list. The fields declared here are the only ones that get in: MX also
sends tokens that can charge a card, bar codes and access codes of the pay page; nobody declares
those, so they stop at this door. Absent, null and "" are the same (`mx_api.md` 2.3).

No record can hold itself, so the garbage collector need not look at them (`gc=False`): of a page of a thousand
it would look at each several times, 5 % of a first sync's CPU.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

Money: TypeAlias = Decimal
"""US dollars and cents, exact; MX sends text such as "205.96" (`mx_api.md` 2.6)."""

if TYPE_CHECKING:
    Json: TypeAlias = bool | int | str | Decimal | list["Json"] | dict[str, "Json"] | None
    """A value as MX sent it; numbers with a point are Decimal."""
else:
    # msgspec makes no decoder for a union of str and Decimal, and needs none: it never decodes these.
    Json = Any


class Card(msgspec.Struct, gc=False, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What may be shown of a card; absent for cash, cheque and ACH."""

    card_type: str | None = None
    last4: str | None = None


class Further(msgspec.Struct, gc=False, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A record of a list that no payment depends on; docs/developing.md says how to add such a list."""

    further_id: int = msgspec.field(name="id")
    merchant_id: int | None = None

    @property
    def mx_id(self) -> int:
        """The record's own id."""
        return self.further_id


class Payment(msgspec.Struct, gc=False, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Money that moved, or tried to: one tender, approved or declined, as the payment list shows it."""

    payment_id: int = msgspec.field(name="id")
    created: datetime
    """An instant in UTC."""
    amount: Money
    """Contains tax and surcharge. Negative for a return."""
    status: str
    merchant_id: int | None = None
    type: str | None = None
    source: str | None = None
    tender_type: str | None = None
    invoice: str | None = None
    """An invoice number, or a reference that MX or a caller made up (`mx_api.md` 2.5)."""
    invoice_ids: tuple[int, ...] | None = None
    """The recorded list never has it; where it is present, it is the best evidence there is."""
    refunded_amount: Money | None = None
    settled_amount: Money | None = None
    """"0" even when settled (`mx_api.md` 9.13)."""
    settled_date: str | None = None
    """Without a zone; very likely UTC (`mx_api.md` 2.6), so it is kept as text."""
    tax: Money | None = None
    """Contained in `amount`; never add it."""
    surcharge_amount: Money | None = None
    """Contained in `amount`; negative for a return."""
    surcharge_rate: Decimal | None = None
    surcharge_label: str | None = None
    currency: str | None = None
    settled_currency: str | None = None
    client_reference: str | None = None
    reference: str | None = None
    auth_code: str | None = None
    auth_message: str | None = None
    response_code: int | None = None
    issuer_response_code: str | None = msgspec.field(name="IssuerResponseCode", default=None)
    card_account: Card | None = None
    batch: str | None = None
    device: str | None = None
    is_duplicate: bool | None = None
    auth_only: bool | None = None
    tax_exempt: bool | None = None
    review_indicator: int | None = None
    customer_name: str | None = None
    customer_code: str | None = None

    @property
    def mx_id(self) -> int:
        """The record's own id."""
        return self.payment_id

    @property
    def money(self) -> Money:
        """What sums over payments add up."""
        return self.amount


class PaymentDetail(Payment, gc=False, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The same payment asked for alone: it knows its invoices and its original, but no refunded amount."""

    original_id: int | None = None
    """Of a return or a capture: the payment that it gives back or completes."""
    batch_id: int | None = None
    replay_id: int | None = None
    original_amount: Money | None = None
    balance: Money | None = None


class Invoice(msgspec.Struct, gc=False, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A bill, as the invoice list shows it: totals and status, no product lines."""

    invoice_id: int = msgspec.field(name="id")
    invoice_number: int
    merchant_id: int | None = None
    type: str | None = None
    status: str | None = None
    receipt_number: str | None = None
    total_amount: Money | None = None
    """Without the surcharge that a payment of it carries."""
    sub_total_amount: Money | None = None
    discount_amount: Money | None = None
    tax_amount: Money | None = None
    balance: Money | None = None
    paid_amount: Money | None = None
    quantity: Decimal | None = None
    return_quantity: Decimal | None = None
    return_status: str | None = None
    invoice_date: datetime | None = None
    """Midnight of the merchant's day, expressed in UTC."""
    due_date: datetime | None = None
    """Midnight of the merchant's day, expressed in UTC."""
    created: datetime | None = None
    source_type: str | None = None
    terms: str | None = None
    currency: str | None = None
    is_tax_exempt: bool | None = None
    memo: str | None = None
    customer_name: str | None = None
    customer_number: str | None = None

    @property
    def mx_id(self) -> int:
        """The record's own id."""
        return self.invoice_id

    @property
    def money(self) -> Money:
        """What sums over invoices add up."""
        return self.total_amount or Decimal(0)


class Customer(msgspec.Struct, gc=False, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Whom an invoice detail bills."""

    customer_id: int | None = msgspec.field(name="id", default=None)
    name: str | None = None


class Purchase(msgspec.Struct, gc=False, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One product line of an invoice (`mx_api.md` 5.1)."""

    purchase_id: int | None = msgspec.field(name="id", default=None)
    product_id: int | None = None
    product_name: str | None = None
    """As sent, with the spaces that it may carry at its ends."""
    description: str | None = None
    quantity: Decimal | None = None
    quantity_returned: Decimal | None = None
    price: Money | None = None
    discount_amount: Money | None = None
    price_discount_amount: Money | None = None
    sub_total_amount: Money | None = None
    tax_amount: Money | None = None
    total_amount: Money | None = None
    created: datetime | None = None


class PaymentOfInvoice(msgspec.Struct, gc=False, frozen=True, kw_only=True, rename="camel"):
    """Of the payments inside an invoice detail only the id is taken: the strongest link but one."""

    payment_id: int = msgspec.field(name="id")


class InvoiceDetail(Invoice, gc=False, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The same bill asked for alone: with its product lines and the payments that paid it."""

    purchases: tuple[Purchase, ...] = ()
    payments: tuple[PaymentOfInvoice, ...] = ()
    customer: Customer | None = None
    purchases_as_sent: tuple[dict[str, Json], ...] = msgspec.field(name="purchasesAsSent", default=())
    """The API's array, each line cut down to the known keys, values untouched. Filled in while decoding."""


PURCHASE_KEYS_KEPT = frozenset(
    {
        *(field.encode_name for field in msgspec.structs.fields(Purchase)),
        "trackingNumber",
        "productVariant",
        "taxes",
        "discounts",
    }
)
"""What of a purchase line is kept as sent: all documented keys (`mx_api.md` 5.1), none other."""


class RefusedRecord(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """A record that cannot be taken in, with the reason; it goes to quarantine, never to a default."""

    stream: str
    """`payments`, `payment_details`, `invoices` or `invoice_details`."""
    mx_id: int | None
    """The record's own id, where it could be read."""
    reason: str
    """Which field, and what is wrong with it; no value of a personal field."""
    keys: tuple[str, ...] = ()
    """The names of the fields that came, for whoever mends it."""
