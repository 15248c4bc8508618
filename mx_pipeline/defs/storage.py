"""
Where Dagster keeps what it knows, as dagster.yaml names it: rows in Postgres, files under MX_HOME.

Addresses come from the environment (`Settings`), never from dagster.yaml: so one file serves the embedded
Postgres and a real one, and no password is in a configuration that Dagster shows or hands to its processes.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Self

import dagster as dg
import psycopg2
from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.utils import create_pg_engine
from sqlalchemy import Engine, QueuePool

from mx_pipeline.defs.check_states import EventLog
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.logins import database_url

CONNECTIONS_KEPT = 2
CONNECTIONS_MORE = 20
LOOK_SECONDS = 2
RECYCLE_AFTER_SECONDS = 300
"""Younger than what firewalls and poolers close by themselves."""


_prepared: set[str] = set()


@cache
def engine_of(postgres_url: str) -> Engine:
    """The one pool of this process: Dagster makes storages by the dozen, and nobody disposes of them."""
    return create_pg_engine(
        postgres_url,
        isolation_level="AUTOCOMMIT",
        poolclass=QueuePool,
        pool_size=CONNECTIONS_KEPT,
        max_overflow=CONNECTIONS_MORE,
        pool_recycle=RECYCLE_AFTER_SECONDS,
        pool_pre_ping=True,
    )


class PooledPostgresStorage(DagsterPostgresStorage):
    """Dagster's Postgres storage with a pool: stock storage opens a connection for every single query.

    1,000 merchants in one run: 24 connections instead of 9,270, and 15 s of CPU instead of 70 (2026-11-23).
    """

    def __init__(self, postgres_url: str, **more: Any) -> None:
        """As the parent; then one engine for its three parts. `_engine` is Dagster's own: a test holds us to it."""
        # Dagster opens an instance for every tick of a sensor; whether the tables are there is asked by the first.
        super().__init__(postgres_url, should_autocreate_tables=postgres_url not in _prepared, **more)
        _prepared.add(postgres_url)
        self._event_log_storage = EventLog(postgres_url, should_autocreate_tables=False)
        for part in (self._run_storage, self._event_log_storage, self._schedule_storage):
            part._engine = engine_of(postgres_url)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage:
        """Dagster's way to make one. Raises BadSettings where there is no database for it."""
        settings = Settings.from_environment()
        if is_only_looked_at(settings):
            return DagsterSqliteStorage(str(_directory() / "without-postgres"), inst_data=inst_data)
        url = database_url(settings.dagster_storage_url(), variable="DAGSTER_PG_URL")
        return cls(url.render_as_string(hide_password=False), inst_data=inst_data, **config_value)


@contextmanager
def own_session(instance: dg.DagsterInstance) -> Generator[Session | None]:
    """For statements of our own on Dagster's tables, each a transaction; None where these are in no Postgres."""
    storage = instance.event_log_storage
    if not isinstance(storage, PostgresEventLogStorage):
        yield None
        return
    with engine_of(storage.postgres_url).connect() as connection:
        yield Session(connection)


def is_only_looked_at(settings: Settings) -> bool:
    """A command such as `dg check defs`, without DAGSTER_HOME and before any database runs here.

    Dagster takes the dagster.yaml of the current directory then; SQLite is good enough for looking at definitions.
    """
    if os.environ.get("DAGSTER_HOME") or os.environ.get("DAGSTER_PG_URL"):
        return False
    if settings.dagster_url is None:
        return True
    try:
        psycopg2.connect(settings.dagster_url, connect_timeout=LOOK_SECONDS).close()
    except psycopg2.OperationalError:
        return True
    return False


class _UnderHome:
    """What Dagster makes without configuration, in a folder under MX_HOME."""

    folder: ClassVar[str]

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """Dagster's way to make one."""
        return cls(str(_directory() / cls.folder), inst_data=inst_data, **config_value)


class FilesUnderHome(_UnderHome, LocalArtifactStorage):
    """Dagster's own files."""

    folder = "."


class LogsUnderHome(_UnderHome, LocalComputeLogManager):
    """What a run prints."""

    folder = "logs"


def _directory() -> Path:
    return Settings.from_environment().home / "dagster"
