"""How the checks of all merchants stand, for the Dagster UI, in a few questions however many merchants there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias, cast

import dagster as dg
from dagster._core.asset_graph_view.serializable_entity_subset import SerializableEntitySubset
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecordStatus,
    AssetCheckExecutionResolvedStatus,
    AssetCheckPartitionInfo,
)
from dagster._core.storage.asset_check_state import AssetCheckState
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster_postgres.event_log import PostgresEventLogStorage

Check: TypeAlias = tuple[dg.AssetCheckKey, dg.PartitionsDefinition[str] | None]

ENDED = {
    AssetCheckExecutionRecordStatus.SUCCEEDED: AssetCheckExecutionResolvedStatus.SUCCEEDED,
    AssetCheckExecutionRecordStatus.FAILED: AssetCheckExecutionResolvedStatus.FAILED,
}


class EventLog(PostgresEventLogStorage):
    """Dagster's own, but for how it finds the states of checks that have partitions.

    Dagster 1.13.27 asks its database of each partition whether it is still there, and copies a set for each: with
    10,000 merchants the page of an asset's checks took 11 s, and kept the webserver busy for 41 (2026-11-24).
    """

    def get_asset_check_state(self, keys: Sequence[Check]) -> Mapping[dg.AssetCheckKey, AssetCheckState]:
        """The state of each check: which partitions passed, failed, are under way or were never finished."""
        ours = {
            key: definition
            for key, definition in keys
            if isinstance(definition, dg.DynamicPartitionsDefinition) and definition.name
        }
        others = [one for one in keys if one[0] not in ours]
        states = dict(super().get_asset_check_state(others)) if others else {}
        there = {name: set(self.get_dynamic_partitions(name)) for name in set(map(_name, ours.values()))}
        infos = self.get_asset_check_partition_info(list(ours)) if ours else ()
        ended = self._ended_runs(infos)
        for key, found in groupby(infos, key=attrgetter("check_key")):
            definition = ours[key]
            state = _state(key, definition, list(found), there[_name(definition)])
            states[key] = state.with_updates(key, definition, (), ended)
        return {key: states.get(key, AssetCheckState.empty()) for key, _ in keys}

    def _ended_runs(self, infos: Iterable[AssetCheckPartitionInfo]) -> Mapping[str, dg.DagsterRunStatus]:
        planned = {
            info.latest_planned_run_id
            for info in infos
            if info.latest_execution_status is AssetCheckExecutionRecordStatus.PLANNED
        }
        if not planned:
            return {}
        runs = dg.RunsFilter(run_ids=list(planned), statuses=list(FINISHED_STATUSES))
        return {run.run_id: run.status for run in self._instance.get_runs(filters=runs)}


def _name(definition: dg.DynamicPartitionsDefinition) -> str:
    return cast("str", definition.name)


def _state(
    key: dg.AssetCheckKey,
    definition: dg.DynamicPartitionsDefinition,
    infos: Sequence[AssetCheckPartitionInfo],
    there: Container[str | None],
) -> AssetCheckState:
    """A verdict counts as long as its partition is there and not materialized anew."""
    by_status = {status: set[str]() for status in AssetCheckExecutionResolvedStatus}
    under_way = defaultdict[str, set[str]](set)
    for info in infos:
        partition = info.partition_key
        if partition is None or partition not in there:
            continue
        if info.latest_execution_status is AssetCheckExecutionRecordStatus.PLANNED:
            by_status[AssetCheckExecutionResolvedStatus.IN_PROGRESS].add(partition)
            under_way[info.latest_planned_run_id].add(partition)
        elif info.is_current:
            by_status[ENDED[info.latest_execution_status]].add(partition)

    def subset(partitions: set[str]) -> SerializableEntitySubset[dg.AssetCheckKey]:
        return SerializableEntitySubset(key, definition.subset_with_partition_keys(partitions))

    return AssetCheckState(
        latest_storage_id=max(
            (
                max(info.latest_check_event_storage_id, info.latest_materialization_storage_id or 0)
                for info in infos
            ),
            default=0,
        ),
        subsets={status: subset(partitions) for status, partitions in by_status.items()},
        in_progress_runs={run_id: subset(partitions) for run_id, partitions in under_way.items()},
    )
