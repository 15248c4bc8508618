"""An installation in which everything is well, until a test plants something in it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
from sqlalchemy import make_url

from mx_pipeline_tests.operations.commands import CommandLine, Ran
from mx_pipeline_tests.operations.conftest import Here

PROJECT = Path(__file__).parents[3]
LONGEST_SECONDS = 10
DAGSTERS_TABLES = """
CREATE TABLE event_logs (id bigint);
CREATE TABLE daemon_heartbeats (daemon_type text, timestamp timestamp);
INSERT INTO daemon_heartbeats VALUES ('SENSOR', clock_timestamp() AT TIME ZONE 'UTC')
"""
"""What of Dagster's tables is looked at; `defs/test_storage.py` holds it against Dagster's own."""


class Patient:
    """An installation in which everything is well, until something is planted."""

    def __init__(self, shell: CommandLine, runner: Callable[[CommandLine], Here], dagster: str) -> None:
        self.shell = shell.but(DAGSTER_PG_URL=dagster, DAGSTER_HOME=str(PROJECT))
        self._runner = runner
        self.dagster = dagster

    def findings(self, **changes: str | None) -> dict[str, tuple[str, str]]:
        """By the name of the check; as `--json` tells them, and it keeps its secrets and its time."""
        began = time.monotonic()
        ran: Ran = self._runner(self.shell.but(**changes))("doctor", "--json")
        assert time.monotonic() - began < LONGEST_SECONDS
        assert_no_secret_in(ran.out + ran.err, {**self.shell.environment, **changes})
        assert ran.code == (0 if ran.answer["is_well"] else 1)
        return {one["check"]: (one["verdict"], one["told"]) for one in ran.answer["findings"]}

    def ask_dagster(self, statement: str) -> None:
        with closing(psycopg2.connect(self.dagster)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)


def assert_no_secret_in(told: str, environment: dict[str, Any]) -> None:
    for name in ("MX_SEALING_KEY", "MX_SEALING_KEY_PREVIOUS"):
        assert not environment.get(name) or environment[name] not in told
    for name in ("MX_DATABASE_URL", "DAGSTER_PG_URL"):
        password = make_url(environment[name]).password if environment.get(name) else None
        assert not password or len(str(password)) < 6 or str(password) not in told


def failing(findings: dict[str, tuple[str, str]]) -> dict[str, str]:
    return {check: told for check, (verdict, told) in findings.items() if verdict == "fail"}


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
