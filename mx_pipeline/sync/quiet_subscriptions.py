"""Finds merchants whose subscriptions have gone quiet: payments come, and MX does not ring. Subscribes them anew."""

from __future__ import annotations

import logging
from datetime import datetime

from mx_pipeline.errors import MxPipelineError
from mx_pipeline.sync.subscribing import Subscriber
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.webhook_inbox import has_gone_quiet
from mx_pipeline.warehouse.webhook_keys import look_at, to_look_at

FEWEST_POLLED = 5
"""Payments of a day that polling was the first to see, and not one notification."""
MOST_AT_ONCE = 5
"""Merchants; each costs a dozen calls, a tenth of a second apart."""

logger = logging.getLogger(__name__)


def repair_quiet(dispatcher: Warehouse, subscriber: Subscriber) -> list[int]:
    """Look at those whose turn it is, once an hour each; returns the merchants that were subscribed anew."""
    with dispatcher.everyone() as session:
        merchants = to_look_at(session, most=MOST_AT_ONCE)
    return [merchant_id for merchant_id in merchants if _repaired(subscriber, merchant_id)]


def _repaired(subscriber: Subscriber, merchant_id: int) -> bool:
    with subscriber.warehouse.merchant(merchant_id) as tenant:
        looked = look_at(tenant)
        if looked is None:
            return False
        since: datetime = max(looked.changed_at, looked.repaired_at or looked.changed_at)
        if not has_gone_quiet(tenant, since=since, fewest=FEWEST_POLLED):
            return False
    try:
        subscriber.repair(merchant_id, anew=True)
    except MxPipelineError as error:
        logger.warning(
            "subscriptions have gone quiet and could not be made anew",
            extra={"merchant_id": merchant_id, "code": error.code},
        )
        return False
    logger.warning("subscriptions had gone quiet, and were made anew", extra={"merchant_id": merchant_id})
    return True
