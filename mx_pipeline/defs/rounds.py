"""The job of the schedule: a round over any merchants whose turn it is, whatever becomes of one of them."""

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime

import dagster as dg

from mx_pipeline.defs.failures import told_to_dagster
from mx_pipeline.defs.resources import MxResource, WarehouseResource
from mx_pipeline.defs.syncing import answerer_name
from mx_pipeline.defs.telling import telling
from mx_pipeline.sync.rounds import Round
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.due import overtaken

OP = "sync_due_merchants"
ROUND_TAG = {"mx/round": "schedule"}
"""On every round, so that dagster.yaml can say how many go side by side."""


class RoundConfig(dg.Config):
    """Whose turn it was, and when that was decided; each merchant is looked at again when its turn has come."""

    planned_at: str
    merchants: list[int]


@dg.op(name=OP, description="Sync every merchant of the round, several at once, each with its own outcome.")
def sync_due_merchants(
    context: dg.OpExecutionContext, config: RoundConfig, mx: MxResource, warehouse: WarehouseResource
) -> None:
    """One that fails is asked for again as a run of its own, whose failure shows on its own partition."""
    ended: Counter[str] = Counter()
    with (
        told_to_dagster(),
        warehouse.loader() as loader,
        warehouse.dispatcher() as dispatcher,
        mx.answerer(answerer_name(context.run)) as answerer,
    ):
        planned_at = datetime.fromisoformat(config.planned_at)
        reports = Round(answerer, planned_at, dagster_run_id=context.run_id).reports(
            config.merchants, overtaken=lambda merchants: _overtaken(dispatcher, merchants)
        )
        with closing(reports), telling(context, loader) as told:
            for report in reports:
                ended[report.outcome] += 1
                told.add(report)
    context.log.info(f"of {len(config.merchants)} merchants: {_summed_up(ended)}")


def _overtaken(dispatcher: Warehouse, merchants: Sequence[int]) -> set[int]:
    with dispatcher.everyone() as session:
        return overtaken(session, merchants)


def _summed_up(ended: Counter[str]) -> str:
    return (
        ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items())) or "none was due any more"
    )


@dg.job(
    executor_def=dg.in_process_executor,
    tags=ROUND_TAG,
    description="Bring the merchants whose turn it is up to date.",
)
def sync_round() -> None:
    """A plain job: a range run would mark those of its range that were not due as failed."""
    sync_due_merchants()
