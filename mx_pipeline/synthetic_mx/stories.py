"""
How payments and invoices hang together: sales, retries, returns, part payments; told fifty at a time.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from mx_pipeline.synthetic_mx.dice import dice_for, mix, salt
from mx_pipeline.synthetic_mx.facts import Invoice, Payment
from mx_pipeline.synthetic_mx.people import person
from mx_pipeline.synthetic_mx.products import lines_sold
from mx_pipeline.synthetic_mx.references import QuickPayReferences
from mx_pipeline.synthetic_mx.returns import REPEATED_REFUND, linked_return, unlinked_return
from mx_pipeline.synthetic_mx.timeline import FIRST_INVOICE_NUMBER, INVOICE_LEAD_MS, Segment, Timeline
from mx_pipeline.synthetic_mx.wire_text import DAY_MS, local_day, local_midnight, surcharge

BLOCK: Final = 50
DECLINES: Final = 30 / 243
REUSED_NUMBERS: Final = 400
"""One invoice in so many carries the number of an earlier one."""
ORPHAN_TERM_DAYS: Final = 14


class Block(msgspec.Struct, frozen=True, gc=False):
    """Fifty neighbouring places: the payment and the invoice at each, in order of creation."""

    payments: list[Payment]
    invoices: list[Invoice]


class Teller:
    """Tells one merchant's blocks; the same block is told the same way every time."""

    def __init__(self, timeline: Timeline, *, customers: int, walk_ins_only: bool = False) -> None:
        """`walk_ins_only`: every payment stands alone, as in a shop without invoices to pay."""
        self.timeline = timeline
        self.walk_ins_only = walk_ins_only
        self.seed = timeline.seed
        self.customers = customers
        self.price_step = mix(self.seed, 4) % 40 * 25

    def tell(self, segment: Segment, number: int) -> Block:
        first = segment.first + number * BLOCK
        last = min(first + BLOCK, segment.first + segment.count)
        reserved_from = segment.first + segment.count - segment.reserved
        roll = dice_for(self.seed, first, 5).random
        moments = [self.timeline.moment(place, segment) for place in range(first, last)]
        invoices = [
            self._invoice(place, moments[place - first][0], roll, number=FIRST_INVOICE_NUMBER + place)
            for place in range(first, last)
        ]
        for within in range(3, len(invoices)):
            if not invoices[within].salt % REUSED_NUMBERS:
                invoices[within].number = invoices[within - 3].number
        chapter = _Chapter(self, roll, invoices)
        for within, place in enumerate(range(first, last)):
            created, in_run = moments[within]
            phase = "reserved" if place >= reserved_from else "run" if in_run else "office"
            chapter.turn(within, self.timeline.payment_id(place), created, phase)
        return Block(chapter.payments, invoices)

    def _invoice(self, place: int, paid: int, roll: Callable[[], float], *, number: int) -> Invoice:
        lines = lines_sold(roll, self.price_step)
        subtotal = sum(line.total for line in lines) if lines else 4_500
        created = paid - INVOICE_LEAD_MS
        midnight = local_midnight(self.timeline.zone, local_day(self.timeline.zone, created))
        return Invoice(
            id=self.timeline.invoice_id(place),
            created=created,
            customer=int(roll() * self.customers),
            salt=salt(roll()),
            number=number,
            lines=lines,
            subtotal=subtotal,
            discount=subtotal // 1_000 * 100 if roll() < 0.03 else 0,
            due=midnight,
            day_start=midnight,
        )


class _Chapter:
    """One block while it is being told: what was begun and waits for its sequel."""

    def __init__(self, teller: Teller, roll: Callable[[], float], invoices: list[Invoice]) -> None:
        self.teller = teller
        self.roll = roll
        self.invoices = invoices
        self.references = QuickPayReferences(invoices, roll)
        self.payments: list[Payment] = []
        self.retries: list[tuple[int, Invoice, int]] = []
        self.returns: list[tuple[int, Payment, Invoice | None]] = []

    def turn(self, within: int, payment_id: int, created: int, phase: str) -> None:
        """Tell the next payment. Whatever does not pay for this place's invoice leaves it unpaid."""
        invoice = self.invoices[within]
        payment = Payment(
            id=payment_id,
            created=created,
            customer=invoice.customer,
            salt=salt(self.roll()),
            source="Recurring",
            base=invoice.total,
        )
        self.payments.append(payment)
        if phase == "reserved":
            # The ledger replaces it by a refund or a late payment of something older.
            self._stand_alone(payment, invoice, source="QuickPay")
        elif self.teller.walk_ins_only:
            self._stand_alone(payment, invoice, source="QuickPay")
            self._outcome(payment)
        elif self.retries and self.retries[0][0] <= within:
            _, old, base = self.retries.pop(0)
            payment.base, payment.customer = base, old.customer
            payment.source = "Recurring" if phase == "run" else "Invoice"
            self._attempt(payment, old, within, split=1.0, may_decline=base == old.total)
            _nobody_pays(invoice)
        elif phase == "run":
            self._attempt(payment, invoice, within, split=1.0)
        elif self.returns and self.returns[0][0] <= within:
            _, original, paid = self.returns.pop(0)
            self._give_back(payment, original, paid)
            _nobody_pays(invoice)
        else:
            self._walk_in(payment, invoice, within)
        if payment.type == "Sale":
            payment.tax = payment.base * 412 // 10_000
            payment.surcharge = surcharge(payment.base) if payment.tender == "Card" else None

    def _walk_in(self, payment: Payment, invoice: Invoice, within: int) -> None:
        luck = self.roll()
        if luck < 0.30:
            payment.source = "Invoice"
            self._attempt(payment, invoice, within, split=0.5 if self.roll() < 0.25 else 1.0)
            return
        if luck < 0.38:
            unlinked_return(payment)
            self._stand_alone(payment, invoice, source="QuickPay")
            return
        source = "QuickPay" if luck < 0.66 else "API" if luck < 0.90 else "Terminal"
        self._stand_alone(payment, invoice, source=source)
        self._outcome(payment)
        if payment.fate == "settles" and self.roll() < 0.25:
            self.returns.append((within + 1, payment, None))

    def _stand_alone(self, payment: Payment, invoice: Invoice, *, source: str) -> None:
        payment.source = source
        self.references.refer(payment, person(self.teller.seed, payment.customer).code)
        _nobody_pays(invoice)

    def _attempt(
        self, payment: Payment, invoice: Invoice, within: int, *, split: float, may_decline: bool = True
    ) -> None:
        """Pay an invoice, or try to: a decline may be retried, half a payment is followed by the rest."""
        payment.reference = payment.client_reference = str(invoice.number)
        payment.customer_code = person(self.teller.seed, invoice.customer).code
        payment.invoice_ids = (invoice.id,)
        payment.tells_invoice_ids = True
        invoice.payment_ids = (*invoice.payment_ids, payment.id)
        if self.roll() < 0.008:
            payment.tender = "ACH"
        if may_decline and split == 1.0:
            self._outcome(payment)
        if payment.fate == "declined":
            if self.roll() < 0.35:
                payment.is_duplicate = self.roll() < 0.1
                self.retries.append((within + 2, invoice, invoice.total))
        elif split < 1.0:
            payment.base = invoice.total // 2
            self.retries.append((within + 1, invoice, invoice.total - payment.base))
        elif payment.fate == "settles" and payment.base == invoice.total and self.roll() < 0.02:
            self.returns.append((within + 2, payment, invoice))

    def _outcome(self, payment: Payment) -> None:
        luck = self.roll()
        if luck < DECLINES:
            payment.fate = "declined"
            payment.decline = int(self.roll() * 28)
        elif luck < DECLINES + 0.010:
            payment.fate = "voids"
        elif luck < DECLINES + 0.014:
            payment.fate = "charges back"
            payment.fate_days = 5 + int(self.roll() * 85)

    def _give_back(self, payment: Payment, original: Payment, invoice: Invoice | None) -> None:
        luck = self.roll()
        base = original.base if luck < 0.6 else max(100, original.base // 2)
        refused = original.refunded > 0 or luck > 0.96
        # Without an invoice reference the detail's originalId is the only trace of what was given back.
        linked_return(payment, original, base=base, refers=invoice is not None and self.roll() < 0.7)
        if refused:
            payment.fate, payment.decline = "declined", REPEATED_REFUND
        else:
            original.refunded += -payment.amount
            if self.roll() < 0.15:
                self.returns.append((0, original, invoice))
        if invoice is not None and payment.reference is not None:
            invoice.payment_ids = (*invoice.payment_ids, payment.id)


def _nobody_pays(invoice: Invoice) -> None:
    if not invoice.payment_ids:
        invoice.due = invoice.day_start + ORPHAN_TERM_DAYS * DAY_MS
        invoice.is_cancelled = not invoice.salt >> 8 & 15
