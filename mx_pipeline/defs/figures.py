"""The pictures of each clinic: what it earned by day and by category, and what was bought."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from mx_pipeline.defs.assets import ENRICHED_TRANSACTIONS, GROUP, as_table
from mx_pipeline.defs.at_night import over_all_merchants
from mx_pipeline.defs.failures import told_to_dagster
from mx_pipeline.defs.partitions import merchants, partition_of
from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.defs.syncing import merchants_of
from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.figures import ClinicFigures, clinic_figures

FIGURES_PER_RUN = 50
"""Another number than that of the syncs: else a backfill of both would put them into one run (see CLINIC_FIGURES)."""
MOST_ROWS = 12
EVERY_DAY = "23 5 * * *"
"""In UTC: clinics in the United States are closed, and their nightly syncs have not begun."""

CLINIC_FIGURES = dg.AssetSpec(
    ["mx", "clinic_figures"],
    deps=[ENRICHED_TRANSACTIONS],
    # The sync's step yields no output, and Dagster 1.13 skips what is downstream of such a step in the same run.
    description="One page of pictures per merchant: revenue by day and by category, and the product mix; no names. "
    "Materialize it in a run of its own, after a sync.",
    group_name=GROUP,
    kinds={"pandas", "matplotlib"},
    partitions_def=merchants,
    skippable=True,
)


@dg.multi_asset(
    name="draw_clinic_figures",
    specs=[CLINIC_FIGURES],
    partitions_def=merchants,
    backfill_policy=dg.BackfillPolicy.multi_run(FIGURES_PER_RUN),
)
def draw_clinic_figures(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> Iterator[dg.AssetMaterialization]:
    """Draw every merchant of this run, each for its own partition."""
    with told_to_dagster(), warehouse.loader() as loader:
        for merchant_id in merchants_of(context):
            with loader.merchant(merchant_id) as tenant:
                figures = clinic_figures(tenant)
            yield dg.AssetMaterialization(
                CLINIC_FIGURES.key, partition=partition_of(merchant_id), metadata=_shown(figures)
            )


def _shown(figures: ClinicFigures) -> dict[str, dg.MetadataValue[Any] | str]:
    if not figures.days:
        return {"nothing_to_draw": "no sale and no refund is known of this merchant yet"}
    return {
        **{name: dg.MetadataValue.md(markdown) for name, markdown in _pictures(figures).items()},
        "months": _table(figures.months),
        "categories": _table(figures.categories),
        "products": _table(figures.products),
    }


def _pictures(figures: ClinicFigures) -> dict[str, str]:
    try:
        # Here, since pandas and matplotlib cost every process of Dagster's a second of its start.
        from mx_pipeline.defs.pictures import as_markdown, categories_picture, days_picture, products_picture
    except ImportError:
        raise BadInput(
            "the pictures need matplotlib: install it with pip install 'mx_pipeline[figures]' where Dagster runs"
        ) from None
    return {
        "revenue_by_day": as_markdown("Revenue by day", days_picture(figures.days)),
        "revenue_by_category": as_markdown("Revenue by category", categories_picture(figures.categories)),
        "product_mix": as_markdown("Product mix", products_picture(figures.products)),
    }


def _table(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    texts = [{name: str(value) for name, value in row.items()} for row in rows[:MOST_ROWS]]
    return as_table(texts)


draw_figures = dg.define_asset_job(
    "draw_figures",
    selection=dg.AssetSelection.assets(draw_clinic_figures),
    description="Draw every merchant's pictures anew.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    job=draw_figures,
    cron_schedule=EVERY_DAY,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def figures_of_the_day(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Each merchant's pictures are a day old at most."""
    return over_all_merchants(context, merchants_per_run=FIGURES_PER_RUN, needs="matplotlib", extra="figures")
