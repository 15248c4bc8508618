"""The four assets: one step brings every merchant of a run up to date, side by side."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import dagster as dg

from mx_pipeline.defs import checks
from mx_pipeline.defs.columns import columns_of
from mx_pipeline.defs.failures import is_news, raise_if_any_failed, told_to_dagster
from mx_pipeline.defs.partitions import merchants, partition_of
from mx_pipeline.defs.resources import MxResource, WarehouseResource
from mx_pipeline.defs.syncing import answerer_name, is_being_cancelled, merchants_of, phases_of, reports
from mx_pipeline.sync.orders import Phase, SyncReport
from mx_pipeline.warehouse.catalog import preview, row_counts
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.merchants import active_merchants

MERCHANTS_PER_RUN = 100
"""Of a backfill: a run that is lost is repeated whole, and one that is too short pays its start for little."""
GROUP = "mx"

MX_PAYMENT = dg.AssetSpec(
    ["mx_merchant", "payment"],
    group_name="mx_merchant",
    kinds={"api"},
    description="Payments, as MX Merchant has them.",
)
MX_INVOICE = dg.AssetSpec(
    ["mx_merchant", "invoice"],
    group_name="mx_merchant",
    kinds={"api"},
    description="Invoices, as MX Merchant has them.",
)


def _asset(
    phase: Phase, table: str, *, deps: list[dg.AssetSpec], description: str, **more: dg.TableSchema
) -> dg.AssetSpec:
    return dg.AssetSpec(
        ["mx", phase.value],
        deps=deps,
        description=description,
        metadata={"dagster/table_name": f"mx.{table}", "dagster/column_schema": columns_of(table), **more},
        group_name=GROUP,
        kinds={"postgres"},
        partitions_def=merchants,
        skippable=True,
    )


PAYMENTS = _asset(
    Phase.PAYMENTS,
    "payments",
    deps=[MX_PAYMENT],
    description="One row per payment, approved or declined, with the newest that MX Merchant told of it.",
)
INVOICE_MAP = _asset(
    Phase.INVOICE_MAP,
    "invoice_map",
    deps=[PAYMENTS, MX_INVOICE],
    description="One row per invoice number and invoice id that belong together.",
)
INVOICE_DETAILS = _asset(
    Phase.INVOICE_DETAILS,
    "invoice_documents",
    deps=[INVOICE_MAP, PAYMENTS, MX_INVOICE],
    description="One row per invoice; its product lines are one row each in mx.invoice_purchases.",
    product_lines=columns_of("invoice_purchases"),
)
ENRICHED_TRANSACTIONS = _asset(
    Phase.ENRICHED_TRANSACTIONS,
    "enriched_transactions",
    deps=[PAYMENTS, INVOICE_DETAILS, INVOICE_MAP],
    description="One row per payment with the invoice it paid, its main product and that product's category.",
)


@dg.multi_asset(
    specs=[PAYMENTS, INVOICE_MAP, INVOICE_DETAILS, ENRICHED_TRANSACTIONS],
    check_specs=checks.SPECS,
    partitions_def=merchants,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.multi_run(MERCHANTS_PER_RUN),
)
def merchant_sync(
    context: dg.AssetExecutionContext, mx: MxResource, warehouse: WarehouseResource
) -> Iterator[dg.AssetMaterialization | dg.AssetCheckEvaluation]:
    """Bring every merchant of this run up to date, side by side; one that fails leaves the others whole.

    It yields materializations of single partitions and no output: an output would mark all partitions of the run.
    """
    ended, selected = list[SyncReport](), context.selected_asset_check_keys
    with told_to_dagster(), warehouse.loader() as loader, mx.answerer(answerer_name(context.run)) as answerer:
        for report in reports(context, answerer):
            yield from materializations(loader, report)
            if is_news(report):
                yield from checks.verdicts(context.instance, loader, [report.merchant_id], selected=selected)
            ended.append(report)
        if not phases_of(context):
            yield from checks_alone(context, loader, warehouse)
        raise_if_any_failed(ended, is_being_cancelled=lambda: is_being_cancelled(context))


def checks_alone(
    context: dg.AssetExecutionContext, loader: Warehouse, warehouse: WarehouseResource
) -> Iterator[dg.AssetCheckEvaluation]:
    """Checks that a person runs by themselves; without a partition they look at every active merchant."""
    chosen, selected = merchants_of(context), context.selected_asset_check_keys
    if chosen:
        yield from checks.verdicts(context.instance, loader, chosen, selected=selected)
        return
    with warehouse.dispatcher() as dispatcher, dispatcher.everyone() as session:
        everyone = active_merchants(session)
    yield from checks.summed_up(checks.verdicts(context.instance, loader, everyone, selected=selected))


def materializations(
    loader: Warehouse, report: SyncReport, *, is_brief: bool = False
) -> Iterator[dg.AssetMaterialization]:
    """One for each phase that this merchant's sync brought to its end; brief: nothing is counted and shown anew."""
    if not report.phases_done:
        return
    shown = {} if is_brief else _shown(loader, report)
    for phase, done in report.phases_done.items():
        yield dg.AssetMaterialization(
            ["mx", phase.value],
            partition=partition_of(report.merchant_id),
            metadata={
                **shown.get(phase, {}),
                **{name: value for name, value in done.items() if isinstance(value, int | float | str)},
                "outcome": report.outcome,
                **({"sync_run": report.run_id} if report.run_id else {}),
            },
        )


def _shown(loader: Warehouse, report: SyncReport) -> dict[Phase, dict[str, int | dg.TableMetadataValue]]:
    with loader.merchant(report.merchant_id) as tenant:
        counts = row_counts(tenant)
        previews = {phase: preview(tenant, phase.value) for phase in report.phases_done}
    return {
        phase: {
            "dagster/partition_row_count": counts[phase.value],
            **({"preview": as_table(rows)} if rows else {}),
        }
        for phase, rows in previews.items()
    }


def as_table(rows: Sequence[Mapping[str, object]]) -> dg.TableMetadataValue:
    """Rows as the catalog shows them: columns in the order in which they come."""
    names = list(dict.fromkeys(chain.from_iterable(rows)))
    return dg.MetadataValue.table(
        [dg.TableRecord(dict(row)) for row in rows],
        schema=dg.TableSchema(columns=[dg.TableColumn(name) for name in names]),
    )
