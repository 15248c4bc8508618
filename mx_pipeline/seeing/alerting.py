"""Tells operators what they have to act on, once for each thing, with what to do."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from mx_pipeline.errors import AlertFailed
from mx_pipeline.seeing.channels import Channel
from mx_pipeline.warehouse.alerts import forget_old, is_to_be_told, troubles
from mx_pipeline.warehouse.connections import Warehouse

logger = logging.getLogger(__name__)

QUIET_SECONDS = 6 * 3600.0
"""Whoever was told of something is not told again for so long."""
WHAT_TO_DO = {
    "auth_failed": "MX Merchant refuses the key of merchant {merchant}, so it is not synced: get a new key from the "
    "clinic and enter it with: mx-pipeline merchants set-key {merchant}",
    "unanswered": "request {number} of merchant {merchant} waits and nobody answers it: start mx-pipeline worker, or "
    "more of them, or Dagster's daemon with its sensor sync_requests",
    "partial": "merchant {merchant} had no whole sync for a day: mx-pipeline status {merchant} names what is missing, "
    "and mx-pipeline quarantine list what could not be taken in; then mx-pipeline sync {merchant} --full",
    "canary": "the canary failed: a payment of our own did not come all the way, or a door between two merchants is "
    "open. mx-pipeline canary says which step; if it names a door, stop serve and the workers first",
    "canary_silent": "the canary has not looked for an hour: see its runs in Dagster (job canary), or unset "
    "MX_CANARY_URL where it is not wanted any more",
    "lost": "the process of run {number} of merchant {merchant} was lost; another goes on with it. If this comes "
    "again, look at the worker's memory and at its machine's log",
}


@dataclass(frozen=True)
class Alert:
    """Something that a person has to act on; no name and no secret is in it."""

    subject: str
    """What it is about: the same is not told twice within hours."""
    text: str


def tell(dispatcher: Warehouse, channel: Channel, alert: Alert) -> bool:
    """Tell it unless it was told lately. Raises AlertFailed, and then it counts as untold."""
    with dispatcher.everyone() as session:
        if not is_to_be_told(session, alert.subject, quiet_seconds=QUIET_SECONDS):
            return False
        channel.send(alert.subject, alert.text)
    return True


def tell_troubles(dispatcher: Warehouse, channel: Channel) -> int:
    """Look once at all merchants; how many alerts were sent. What cannot be sent is tried at the next look."""
    with dispatcher.everyone() as session:
        found = [_alert(row.kind, row.merchant_id, row.number) for row in troubles(session)]
        forget_old(session)
    sent = 0
    for alert in found:
        try:
            sent += tell(dispatcher, channel, alert)
        except AlertFailed as error:
            logger.warning("an alert could not be sent: %s", error)
            break
    return sent


def _alert(kind: str, merchant: int, number: int | None) -> Alert:
    subject = f"{kind} {merchant}" if number is None else f"{kind} {merchant} {number}"
    return Alert(subject, WHAT_TO_DO[kind].format(merchant=merchant, number=number))
