"""
One merchant's ledger: its computed past, what was changed since, and how far its batches have closed.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from itertools import count
from typing import Final

from mx_pipeline.synthetic_mx.book import Book
from mx_pipeline.synthetic_mx.dice import mix
from mx_pipeline.synthetic_mx.facts import Invoice, Payment
from mx_pipeline.synthetic_mx.fate import Standing, standing_of
from mx_pipeline.synthetic_mx.stories import BLOCK, Block, Teller
from mx_pipeline.synthetic_mx.timeline import INVOICE_LEAD_MS, PAYMENT_IDS_PER_MERCHANT, Timeline
from mx_pipeline.synthetic_mx.wire_text import BATCH_CLOSES_MS, DAY_MS, EPOCH_DAY, batch_close, local_midnight

BLOCKS_KEPT: Final = 400
"""20,000 payments and as many invoices over all merchants: about 40 MB."""
PAYMENTS_PER_CUSTOMER: Final = 8
FEWEST_CUSTOMERS: Final = 12


class Shelf:
    """Blocks told lately, for all merchants of one server."""

    def __init__(self) -> None:
        self.births = count()
        self._blocks: OrderedDict[tuple[int, int], Block] = OrderedDict()

    def next_birth(self) -> int:
        """Tells a merchant from one that had its number before."""
        return next(self.births)

    def block(self, birth: int, first: int, tell: Callable[[], Block]) -> Block:
        key = (birth, first)
        block = self._blocks.get(key)
        if block is not None:
            self._blocks.move_to_end(key)
            return block
        block = self._blocks[key] = tell()
        if len(self._blocks) > BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return block


class Merchant:
    """The same seven inputs always make the same merchant, and the same changes lead to the same bodies."""

    def __init__(
        self, merchant_id: int, *, seed: int = 1, payments: int = 0, timezone: str = "America/New_York",
        as_of: date, days: int = 90, walk_ins_only: bool = False, shelf: Shelf,
    ) -> None:  # fmt: skip
        self.id = merchant_id
        self.seed = mix(merchant_id, seed)
        self.zone = timezone
        self.today = as_of.toordinal()
        self.arrivals_per_day = -(-payments // days)
        self.timeline = Timeline(merchant_id=merchant_id, seed=self.seed, zone=timezone)
        self.timeline.add(payments, first_day=self.today - days + 1, days=days)
        self.teller = Teller(
            self.timeline,
            customers=max(FEWEST_CUSTOMERS, payments // PAYMENTS_PER_CUSTOMER),
            walk_ins_only=walk_ins_only,
        )
        self.closed_through = 0
        self.close_batches()
        self.version = 0
        self.placed = 0
        self.placed_numbers: dict[int, list[int]] = {}
        """Invoice ids placed by hand, by their number."""
        self.lists_until_drift: int | None = None
        self._shelf = shelf
        self.birth = shelf.next_birth()
        self.payments: Book[Payment] = Book(
            told=self._told_payments,
            created=self.timeline.created,
            place_of=self.timeline.place_of_payment,
            told_count=self._told_count,
        )
        self.invoices: Book[Invoice] = Book(
            told=self._told_invoices,
            created=lambda place: self.timeline.created(place) - INVOICE_LEAD_MS,
            place_of=self.timeline.place_of_invoice,
            told_count=self._told_count,
        )

    @property
    def midnight(self) -> int:
        """When today began at the clinic."""
        return local_midnight(self.zone, self.today)

    @property
    def latest(self) -> int:
        """When the newest payment was made; this morning if there is none."""
        newest = self.payments.run(self.payments.count - 1, self.payments.count)
        return newest[0].created if newest else self.midnight

    def changed(self) -> None:
        """Say that bodies computed until now may be out of date."""
        self.version += 1

    def close_batches(self, *, all_of_them: bool = False) -> None:
        """Close every batch of the days before today; or the one of the newest payment too."""
        through = (self.today - 1 - EPOCH_DAY) * DAY_MS + BATCH_CLOSES_MS
        if all_of_them:
            through = max(through, batch_close(self.latest), self.closed_through + 1)
        self.closed_through = max(self.closed_through, through)

    def fresh_payment_id(self) -> int:
        """An id for a record placed by hand, above all computed ones of this merchant."""
        self.placed += 1
        return self.timeline.payment_ids_from + PAYMENT_IDS_PER_MERCHANT * 9 // 10 + self.placed

    def fresh_invoice_id(self) -> int:
        self.placed += 1
        return self.timeline.invoice_id(3_000_000 + self.placed)

    def payments_of(self, invoice: Invoice) -> Iterator[Payment]:
        for payment_id in invoice.payment_ids:
            payment = self.payments.find(payment_id)
            if payment is not None:
                yield payment

    def standing(self, invoice: Invoice) -> Standing:
        return standing_of(invoice, self.payments_of(invoice), self.closed_through, self.midnight)

    def _told_count(self) -> int:
        return self.timeline.count

    def _told_payments(self, start: int, stop: int) -> list[Payment]:
        return [
            record
            for block, first, last in self._blocks(start, stop)
            for record in block.payments[first:last]
        ]

    def _told_invoices(self, start: int, stop: int) -> list[Invoice]:
        return [
            record
            for block, first, last in self._blocks(start, stop)
            for record in block.invoices[first:last]
        ]

    def _blocks(self, start: int, stop: int) -> Iterator[tuple[Block, int, int]]:
        """The blocks that hold these places, each with the part of it that is meant."""
        while start < stop:
            segment = self.timeline.segment_of(start)
            number, within = divmod(start - segment.first, BLOCK)
            first = segment.first + number * BLOCK
            block = self._shelf.block(self.birth, first, partial(self.teller.tell, segment, number))
            last = min(within + stop - start, len(block.payments))
            yield block, within, last
            start += last - within
