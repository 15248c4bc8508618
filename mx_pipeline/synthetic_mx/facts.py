"""
What is true of one payment and one invoice, whatever day it is and whoever asks. It knows no JSON.
"""

from typing import Any

import msgspec


class Line(msgspec.Struct, frozen=True, gc=False):
    """One product line of an invoice, in cents."""

    name: str
    description: str | None
    product_id: int | None
    quantity: int | None
    price: int
    total: int


class Payment(msgspec.Struct, kw_only=True, gc=False):
    """One tender. `base` leaves the surcharge out; both are negative for a return."""

    id: int
    created: int
    customer: int
    salt: int
    source: str
    base: int
    surcharge: int | None = None
    tax: int | None = None
    type: str = "Sale"
    tender: str = "Card"
    fate: str = "settles"
    """settles, voids, charges back or declined; shown only once the batch has closed."""
    fate_days: int = 0
    decline: int = 0
    """Which of the recorded declines this is."""
    is_duplicate: bool = False
    reference: str | None = None
    """The field `invoice`: an invoice number, or something that looks like one."""
    client_reference: str | None = None
    customer_code: str | None = None
    invoice_ids: tuple[int, ...] = ()
    """The invoices it truly paid, or tried to."""
    tells_invoice_ids: bool = False
    original_id: int | None = None
    tells_original: bool = True
    refunded: int = 0
    given_status: str | None = None
    given_at: int = 0
    """Batches closed through this instant when the status was given; a later close settles it."""
    shown: dict[str, Any] | None = None
    """Fields arranged by hand: they win over what would be computed, and None takes one away."""

    @property
    def amount(self) -> int:
        return self.base + (self.surcharge or 0)


class Invoice(msgspec.Struct, kw_only=True, gc=False):
    """One bill. Its totals never contain the surcharge of its payments."""

    id: int
    created: int
    customer: int
    salt: int
    number: int
    lines: tuple[Line, ...]
    subtotal: int
    discount: int
    due: int
    day_start: int
    payment_ids: tuple[int, ...] = ()
    is_cancelled: bool = False
    shown: dict[str, Any] | None = None

    @property
    def total(self) -> int:
        return self.subtotal - self.discount
