"""
The field `invoice` of a payment that paid no invoice: made-up codes, some of which look like real numbers.
"""

from collections.abc import Callable
from typing import Final

from mx_pipeline.synthetic_mx.facts import Invoice, Payment

NUMBER_OF_ANOTHER: Final = {"API": 0.35, "QuickPay": 0.12}
"""How often, by source, a reference is the number of an invoice that it did not pay."""


class QuickPayReferences:
    """References for the standalone payments of one block."""

    def __init__(self, invoices: list[Invoice], roll: Callable[[], float]) -> None:
        self._invoices = invoices
        self._roll = roll

    def refer(self, payment: Payment, code: str) -> None:
        """Give it a reference by its source; QuickPay's is the end of its customer code."""
        luck = self._roll()
        bits = payment.salt >> 5
        if luck < NUMBER_OF_ANOTHER.get(payment.source, 0):
            payment.reference = self._number_of_another(payment)
            payment.client_reference = f"API{bits % 10**14:014d}"
            payment.customer_code = code
            return
        if payment.source == "API" and luck < 0.5:
            payment.reference = f"order {bits % 10**6}/a"
            payment.client_reference = f"API{bits % 10**14:014d}"
            return

        if luck < 0.30:
            auto = f"{bits % 10**8:08d}" if luck < 0.24 else f"{bits % 100:08d}"
        elif luck < 0.60:
            auto = f"{100 + bits % 900}ABC{bits % 10}{'DEFG'[bits >> 4 & 3]}"
        else:
            auto = f"{'ABCDEFGHKLMNPRSTVZ'[bits % 18]}{bits >> 8 & 0xFFFFFFF:07X}"
        payment.reference = auto
        payment.customer_code = payment.client_reference = f"05AA{auto}"

    def _number_of_another(self, payment: Payment) -> str:
        """A number that is a real invoice's, of another customer, and has nothing to do with this payment."""
        start = int(self._roll() * len(self._invoices))
        for step in range(len(self._invoices)):
            other = self._invoices[(start + step) % len(self._invoices)]
            if other.customer != payment.customer:
                return str(other.number)
        return f"{payment.salt % 10**8:08d}"
