"""Dagster: the dagster.yaml in force, its own database, and whether its daemon lives."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

import yaml

from mx_pipeline.errors import MxPipelineError
from mx_pipeline.operations.doctor.findings import Finding, fail, ok, warn
from mx_pipeline.operations.local_rooms import local_room
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.diagnosing import dagsters_database
from mx_pipeline.warehouse.logins import database_url

FILE = "dagster.yaml"
STALE_SECONDS = 120
"""A daemon says every half minute that it lives."""
SENSORS: Final = "SENSOR"
DECIDED: Mapping[tuple[str, ...], object] = {
    ("storage", "custom", "module"): "mx_pipeline.defs.storage",
    ("storage", "custom", "class"): "PooledPostgresStorage",
    ("run_coordinator", "class"): "QueuedRunCoordinator",
    ("run_monitoring", "enabled"): True,
    ("run_retries", "enabled"): True,
    ("run_retries", "retry_on_asset_or_op_failure"): False,
    ("telemetry", "enabled"): False,
}
"""Without these a storm of connections, lost runs, a refused key asked a hundred times, or news of us to others."""


def instance_file() -> Iterator[Finding]:
    """The file in force: of DAGSTER_HOME, or the one that `up` and `worker` take."""
    try:
        home = Path(os.environ.get("DAGSTER_HOME") or local_room("dagster_parts").project_directory())
        text = (home / FILE).read_text(encoding="utf-8")
        configured: object = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError, MxPipelineError):
        yield fail(
            FILE,
            "there is none that can be read in DAGSTER_HOME: set DAGSTER_HOME, for every Dagster process, to the "
            "directory with the dagster.yaml of mx_pipeline",
        )
        return
    differs = [
        f"{'.'.join(path)} is {_at(configured, path)!r} and not {decided!r}"
        for path, decided in DECIDED.items()
        if _at(configured, path) != decided
    ]
    if differs:
        yield fail(
            FILE,
            f"{'; '.join(differs)}: take over the dagster.yaml of mx_pipeline, and start Dagster's processes anew",
        )
    else:
        yield ok(FILE, "is the decided one")


def storage(settings: Settings) -> Iterator[Finding]:
    """Its own database. Raises BadSettings, WarehouseError."""
    url = database_url(settings.dagster_storage_url(), variable="DAGSTER_PG_URL")
    try:
        with dagsters_database(url) as session:
            seen = session.one("doctor", "dagsters_database")
            beats = dict[str, float]()
            if seen.is_prepared:
                beats = {row.daemon_type: row.seconds for row in session.run("doctor", "heartbeats")}
    except MxPipelineError as error:
        told = (
            str(error)
            .replace("MX_DATABASE_URL", "DAGSTER_PG_URL")
            .replace("the warehouse", "Dagster's database")
        )
        yield fail("Dagster's database", told)
        return
    if seen.is_the_warehouse:
        yield fail(
            "Dagster's database",
            "DAGSTER_PG_URL is the warehouse itself: CREATE DATABASE for Dagster, with a login of its own, so that "
            "neither reaches the other's tables",
        )
    elif not seen.is_prepared:
        yield warn("Dagster's database", "is empty: Dagster was never started on it; run mx-pipeline up")
    else:
        yield ok("Dagster's database", "answers")
    if seen.is_prepared:
        yield _daemon(beats)


def _daemon(beats: Mapping[str, float]) -> Finding:
    if SENSORS not in beats:
        return fail("Dagster's daemon", f"was never started here: {START}")
    if beats[SENSORS] > STALE_SECONDS:
        return fail("Dagster's daemon", f"was last heard of {beats[SENSORS]:.0f} s ago: {START}")
    return ok("Dagster's daemon", "lives")


START = "start dagster-daemon run with this DAGSTER_HOME (mx-pipeline up does); without it nothing goes by the clock"


def _at(configured: object, path: tuple[str, ...]) -> object:
    found: Any = configured
    for name in path:
        if not isinstance(found, dict):
            return None
        found = cast("dict[str, Any]", found).get(name)
    return found
