"""
When the n-th payment of a merchant was made and which ids it got, without looking at any other payment.
"""

from bisect import bisect_right
from typing import Final

import msgspec

from mx_pipeline.synthetic_mx.dice import mix, share, stir
from mx_pipeline.synthetic_mx.wire_text import SECOND_MS, local_midnight

PAYMENT_IDS_START: Final = 4_000_000_000_000_000
PAYMENT_IDS_PER_MERCHANT: Final = 100_000_000
PAYMENT_ID_STEP: Final = 37
"""Leaves room for 2.7 million payments per merchant, and gaps as in the recordings."""
INVOICE_IDS_START: Final = 10_000_000
INVOICE_ID_STEP: Final = 10_007
"""Invoice ids are global in MX: up to this many merchants with consecutive numbers never share one."""
FIRST_INVOICE_NUMBER: Final = 1_001
INVERTED_PAIRS: Final = 17
"""One pair of neighbours in so many has its ids the other way round (recorded: 14 of 243)."""

RECURRING_SHARE: Final = 0.92
RECURRING_FROM_MS: Final = (6 * 60 + 1) * 60 * SECOND_MS
RECURRING_MS: Final = 150 * SECOND_MS
OFFICE_FROM_MS: Final = 9 * 3600 * SECOND_MS
OFFICE_MS: Final = 30_600 * SECOND_MS
"""Recurring payments run from 6:01 in the clinic's morning, all others from 9:00 to 17:30."""

INVOICE_LEAD_MS: Final = 61_083
"""An invoice exists about a minute before its first payment."""


class Segment(msgspec.Struct, frozen=True, gc=False):
    """Payments in one stretch of days; or, with `burst_from`, one a second from that instant."""

    first: int
    count: int
    first_day: int
    days: int
    reserved: int = 0
    """How many of its last payments are told by the ledger (late refunds), not by the population."""
    burst_from: int | None = None


class Timeline:
    """Places 0, 1, 2, ... of one merchant in time, oldest first."""

    def __init__(self, *, merchant_id: int, seed: int, zone: str) -> None:
        self.seed = seed
        self._moments, self._ids, self._pairs = mix(seed, 1), mix(seed, 2), mix(seed, 3)
        self.zone = zone
        self.segments: list[Segment] = []
        self._firsts: list[int] = []
        self.count = 0
        slot = merchant_id % (PAYMENT_IDS_START // 40 // PAYMENT_IDS_PER_MERCHANT)
        self.payment_ids_from = PAYMENT_IDS_START + slot * PAYMENT_IDS_PER_MERCHANT
        self._invoice_ids_from = INVOICE_IDS_START + merchant_id % INVOICE_ID_STEP

    def add(
        self, count: int, *, first_day: int, days: int = 1, reserved: int = 0, burst_from: int | None = None
    ) -> Segment:
        segment = Segment(self.count, count, first_day, days, reserved, burst_from)
        if count:
            self.segments.append(segment)
            self._firsts.append(self.count)
            self.count += count
        return segment

    def segment_of(self, place: int) -> Segment:
        return self.segments[bisect_right(self._firsts, place) - 1]

    def moment(self, place: int, segment: Segment) -> tuple[int, bool]:
        """When this payment was made, and whether it belongs to the morning's recurring run."""
        within = place - segment.first
        chance = share(stir(self._moments + place))
        if segment.burst_from is not None:
            return segment.burst_from + within * SECOND_MS + int(chance * SECOND_MS), True

        day = within * segment.days // segment.count
        start = -(-day * segment.count // segment.days)
        stop = -(-(day + 1) * segment.count // segment.days)
        part = (within - start + chance) / (stop - start)
        in_run = part < RECURRING_SHARE and within < segment.count - segment.reserved
        if part < RECURRING_SHARE:
            offset = RECURRING_FROM_MS + int(part / RECURRING_SHARE * RECURRING_MS)
        else:
            offset = OFFICE_FROM_MS + int((part - RECURRING_SHARE) / (1 - RECURRING_SHARE) * OFFICE_MS)
        # Some days keep coarser clocks, a whole day at a time so that the order stays: ties, short fractions.
        coarse = SECOND_MS if day % 10 == 3 else 100 if day % 10 == 5 else 1
        return local_midnight(self.zone, segment.first_day + day) + offset // coarse * coarse, in_run

    def created(self, place: int) -> int:
        return self.moment(place, self.segment_of(place))[0]

    def payment_id(self, place: int) -> int:
        swapped = self._swapped(place)
        return self.payment_ids_from + swapped * PAYMENT_ID_STEP + stir(self._ids + swapped) % PAYMENT_ID_STEP

    def place_of_payment(self, payment_id: int) -> int | None:
        swapped = (payment_id - self.payment_ids_from) // PAYMENT_ID_STEP
        if not 0 <= swapped < self.count:
            return None
        place = self._swapped(swapped)
        return place if self.payment_id(place) == payment_id else None

    def invoice_id(self, place: int) -> int:
        return self._invoice_ids_from + place * INVOICE_ID_STEP

    def place_of_invoice(self, invoice_id: int) -> int | None:
        place, rest = divmod(invoice_id - self._invoice_ids_from, INVOICE_ID_STEP)
        return place if not rest and 0 <= place < self.count else None

    def _swapped(self, place: int) -> int:
        """The neighbour, where these two have their ids the other way round; else the place itself."""
        if stir(self._pairs + (place >> 1)) % INVERTED_PAIRS:
            return place
        other = place ^ 1
        segment = self.segment_of(place)
        if not segment.first <= other < segment.first + segment.count:
            return place
        return other if self.moment(place, segment)[0] != self.moment(other, segment)[0] else place
