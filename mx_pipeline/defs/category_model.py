"""The asset of suggestions: one model per merchant, and how good it is on products that it was not taught."""

from collections.abc import Iterator

import dagster as dg

from mx_pipeline.defs.assets import ENRICHED_TRANSACTIONS, GROUP, MERCHANTS_PER_RUN
from mx_pipeline.defs.at_night import over_all_merchants
from mx_pipeline.defs.failures import told_to_dagster
from mx_pipeline.defs.partitions import merchants, partition_of
from mx_pipeline.defs.resources import WarehouseResource
from mx_pipeline.defs.syncing import merchants_of
from mx_pipeline.errors import MxPipelineError
from mx_pipeline.suggesting.examination import Figures
from mx_pipeline.suggesting.merchant_model import Trained, train
from mx_pipeline.suggesting.picture import confusion_picture

ACTOR = "process:dagster"
EVERY_WEEK = "41 5 * * 0"
"""Sundays, in UTC: the hour of mx/clinic_figures; what queues up behind these goes one run at a time."""

CATEGORY_MODEL = dg.AssetSpec(
    ["mx", "category_model"],
    deps=[ENRICHED_TRANSACTIONS],
    description="One row per product that nobody decided: what it probably is, from names of products alone.",
    metadata={"dagster/table_name": "mx.category_suggestions"},
    group_name=GROUP,
    kinds={"scikitlearn", "postgres"},
    partitions_def=merchants,
    skippable=True,
)


@dg.multi_asset(
    specs=[CATEGORY_MODEL],
    partitions_def=merchants,
    backfill_policy=dg.BackfillPolicy.multi_run(MERCHANTS_PER_RUN),
)
def category_model(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> Iterator[dg.AssetMaterialization]:
    """Train each merchant's model, one after the other; one that fails leaves the others whole."""
    failed = dict[int, str]()
    with told_to_dagster(), warehouse.loader() as loader:
        for merchant_id in merchants_of(context):
            try:
                trained, _, merged = train(loader, merchant_id, actor=ACTOR)
            except MxPipelineError as error:
                failed[merchant_id] = str(error)
                continue
            yield dg.AssetMaterialization(
                CATEGORY_MODEL.key,
                partition=partition_of(merchant_id),
                metadata={**shown(trained), "payments_changed": merged.inserted + merged.updated},
            )
    if failed:
        told = "; ".join(f"{merchant_id}: {message}" for merchant_id, message in failed.items())
        raise dg.Failure(f"{len(failed)} merchants have no new model: {told}", allow_retries=False)


def shown(trained: Trained) -> dict[str, str | int | float | dg.MetadataValue]:
    """What the catalog shows: figures, coverage and a picture, and no product."""
    told: dict[str, str | int | float | dg.MetadataValue] = {
        "model": trained.model,
        "learned": trained.reason,
        "undecided_products": trained.asked,
        "applied": len(trained.applied),
        "waiting": len(trained.says) - len(trained.applied),
    }
    return told if trained.figures is None else {**told, **_figures(trained.figures)}


def _figures(figures: Figures) -> dict[str, int | float | dg.MetadataValue]:
    return {
        "held_out_products": figures.products,
        "categories": figures.categories,
        "accuracy": figures.accuracy,
        "accuracy_from": figures.accuracy_from,
        "accuracy_to": figures.accuracy_to,
        "always_the_commonest": figures.most_frequent,
        "shuffled_labels": figures.shuffled,
        "coverage": dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "as_sure_as": level.confidence,
                        "products": level.products,
                        "covered": level.covered,
                        "right": level.right,
                    }
                )
                for level in figures.coverage
            ]
        ),
        "confusion": dg.MetadataValue.md(
            f"![what is, against what was said]({confusion_picture(figures.confusion)})"
        ),
    }


train_models = dg.define_asset_job(
    "train_models",
    selection=dg.AssetSelection.assets(category_model),
    description="Train every merchant's model anew.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    job=train_models,
    cron_schedule=EVERY_WEEK,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def models_of_the_week(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    """Each merchant's model knows what people decided a week ago at the latest."""
    return over_all_merchants(
        context, merchants_per_run=MERCHANTS_PER_RUN, needs="sklearn", extra="suggestions"
    )
