"""What was odd about the vendor in this sync, and kept nothing from being stored: told in the statistics."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime

from mx_pipeline.records import Invoice, Payment
from mx_pipeline.sync.orders import Stat
from mx_pipeline.sync.work import Work

logger = logging.getLogger(__name__)

KNOWN_STATUSES = frozenset(
    {
        "Approved",
        "Settled",
        "Declined",
        "Voided",
        "Chargedback",
        "TicketOnly",
        "AuthOnly",
        "InProgress",
    }
)
"""Of payments (`mx_api.md` 2.7). Any other is stored as it is, and counts as open: it may still change."""
STATUSES_NAMED_AT_MOST = 20
NOT_A_WORD = re.compile(r"[^A-Za-z0-9 _-]+")
LONGEST_WORD = 40
CLOCK_SKEW_WORTH_A_WARNING_SECONDS = 120


def note_statuses(work: Work, records: Sequence[Payment | Invoice]) -> None:
    """Count the statuses of payments that nobody has documented; each is warned of once in a sync."""
    for record in records:
        if record.status in KNOWN_STATUSES or not isinstance(record, Payment):
            continue
        word = NOT_A_WORD.sub("?", record.status)[:LONGEST_WORD]
        if word not in work.unknown_statuses:
            if len(work.unknown_statuses) >= STATUSES_NAMED_AT_MOST:
                continue
            logger.warning(
                "MX sends a payment status that is not documented",
                extra={"merchant_id": work.order.merchant_id, "status": word},
            )
        work.unknown_statuses[word] += 1


def oddities(work: Work) -> dict[str, Stat]:
    """The part of the statistics that is empty as long as the vendor keeps to its ways."""
    drift, replaced = work.client.drift()
    masked = work.client.masked_card_numbers()
    if masked:
        logger.warning(
            "somebody typed card numbers into texts of MX; they were masked here, and are still there",
            extra={"merchant_id": work.order.merchant_id, "texts": masked},
        )
    return {
        "drift": drift,
        "maskedCardNumbers": masked,
        "replacedCharacters": replaced,
        "unknownStatuses": dict(work.unknown_statuses),
        "vendorClockSkewSeconds": _clock_skew(work),
    }


def _clock_skew(work: Work) -> int | None:
    """The vendor's clock less the database's, by which everything here is ordered."""
    if work.calls.vendor_clock is None:
        return None
    date, heard_at = work.calls.vendor_clock
    try:
        told = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    skew = round((told.replace(tzinfo=told.tzinfo or UTC) - work.observed_at(heard_at)).total_seconds())
    if abs(skew) > CLOCK_SKEW_WORTH_A_WARNING_SECONDS:
        logger.warning(
            "the vendor's clock and the database's differ",
            extra={"merchant_id": work.order.merchant_id, "seconds": skew},
        )
    return skew
