"""Counts where the vendor's records are not as they were recorded: keys that are new, types that changed."""

from __future__ import annotations

import functools
import re
from collections import Counter
from typing import TYPE_CHECKING

from mx_pipeline.mx_api.shapes import every_name, shape_of
from mx_pipeline.records import Invoice, InvoiceDetail, Payment, PaymentDetail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mx_pipeline.mx_api.shapes import Field, Kind

FIELDS_NAMED_AT_MOST = 50
LONGEST_NAME = 60
PLACE_IN_LIST = re.compile(r"\[[0-9]+\]")
NOT_A_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
JSON_TYPES: Mapping[Kind, type] = {
    "text": str,
    "whole": int,
    "money": str,
    "rate": str,
    "instant": str,
    "flag": bool,
    "object": dict,
}
EITHER_TYPE = frozenset({"quantity", "quantityReturned", "returnQuantity"})
"""Text on an invoice, a number on its lines."""
_NAMES = """
    MerchantAdviceCode MerchantAdviceMessage accessCode allowACH allowCreditCard availableAuthAmount barCode
    billingAddress cardPresent cashbackAmount creatorName customer dba discountAmount discounts email
    isShippingSameAsBilling legacy masterCardSecureCode meta netQuantity paymentToken payments posData
    productVariant purchases requireSignature risk saleQuantity shipAmount shipToCountry shipToZip
    shippingAddress shippingLineItems shouldGetCreditCardLevel shouldVaultCard taxes totals trackingNumber
    token hasContract cardId expiryMonth expiryYear entryMode isDebit isCorp name originalAmount balance
    originalId batchId replayId invoiceIds customerNumber currency taxAmount
"""
KNOWN_BUT_NOT_TAKEN = frozenset(_NAMES.split())
"""The documented keys that nobody declares (`mx_api.md` 2.1, 2.2, 2.8, 2.9, 5.1)."""


@functools.cache
def known_names() -> frozenset[str]:
    """Every key that is documented for a payment or an invoice."""
    return KNOWN_BUT_NOT_TAKEN.union(
        *(every_name(shape_of(record)) for record in (Payment, PaymentDetail, Invoice, InvoiceDetail))
    )


class Drift:
    """Of one stream. Counted are the records that are looked into: some of each page, and every odd one."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        self.counts: Counter[str] = Counter()
        self.replaced = 0
        """Texts in which a character that Postgres cannot store became U+FFFD."""
        self.masked = 0
        """Texts in which a card number was masked."""

    def look_at_keys(self, came: Iterable[str], path: str) -> None:
        """Count the keys that nobody has documented, wherever they stand."""
        known = known_names()
        for key in came:
            if key not in known:
                self._count(f"{path}.{key}" if path else key, "unknown")

    def look_at_type(self, value: object, field: Field, path: str) -> None:
        """Count a value whose JSON type is another than the recorded one."""
        wanted = list if field.is_many else JSON_TYPES[field.kind]
        if field.wire_name not in EITHER_TYPE and type(value) is not wanted:
            self._count(path, "another type")

    def _count(self, path: str, what: str) -> None:
        name = f"{NOT_A_NAME.sub('?', PLACE_IN_LIST.sub('', path))[:LONGEST_NAME]}: {what}"
        if name in self.counts or len(self.counts) < FIELDS_NAMED_AT_MOST:
            self.counts[name] += 1
