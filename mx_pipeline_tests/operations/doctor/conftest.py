"""A well installation for each test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2
import pytest

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.conftest import Here
from mx_pipeline_tests.operations.doctor.patient import DAGSTERS_TABLES, Patient


@pytest.fixture
def patient(
    shell: CommandLine,
    in_this_process: Callable[[CommandLine], Here],
    warehouse: WarehouseUnderTest,
    postgres: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Patient]:
    warehouse.has_merchant()
    name = f"doctor_{os.getpid()}_{abs(hash(request.node.name)) % 10**9}"
    patient = Patient(shell, in_this_process, postgres.create_database(name))
    patient.ask_dagster(DAGSTERS_TABLES)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.delenv("DAGSTER_PG_URL", raising=False)
    yield patient
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
