"""Once a day every merchant is looked at for what is unlike it; a check of its own, for it costs more than a sync."""

from datetime import UTC, datetime

import dagster as dg

from mx_pipeline.defs.failures import told_to_dagster
from mx_pipeline.defs.partitions import partition_of
from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.warehouse.merchants import active_merchants

EVERY_DAY = "0 15 * * *"
"""In UTC: every merchant's night is over, and the sync that ends its day is done."""
MOST_NAMED = 200


@dg.asset_check(
    asset=["mx", "payments"],
    description="No merchant's last whole day was unlike it: rows, refunds, tickets, declines, webhooks, products.",
)
def no_anomaly(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    """Names the merchants that have a card, with the figures behind each. A finding is a warning, never an error."""
    from mx_pipeline.warehouse.daily import recent_cards  # pandas, which no other process of ours needs

    found: dict[str, dg.JsonMetadataValue] = {}
    now = datetime.now(UTC)
    with told_to_dagster(), warehouse.loader() as loader, warehouse.dispatcher() as dispatcher:
        with dispatcher.everyone() as session:
            merchants = active_merchants(session)
        for merchant_id in merchants:
            with loader.merchant(merchant_id) as tenant:
                cards = recent_cards(tenant, now=now, days=1)
            if cards:
                found[partition_of(merchant_id)] = dg.JsonMetadataValue([card.as_json() for card in cards])
    return dg.AssetCheckResult(
        passed=not found,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(found)} of {len(merchants)} active merchants have a card",
        metadata={
            "failing_merchants": dg.JsonMetadataValue(list(found)[:MOST_NAMED]),
            **dict(list(found.items())[:MOST_NAMED]),
        },
    )


look_for_anomalies = dg.define_asset_job(
    "look_for_anomalies",
    selection=dg.AssetSelection.checks(no_anomaly),
    description="Look at every merchant's last day for what is unlike it.",
    executor_def=dg.in_process_executor,
)
every_day = dg.ScheduleDefinition(
    name="anomalies",
    job=look_for_anomalies,
    cron_schedule=EVERY_DAY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
