"""The scene of every fault: a clinic, beside it one that is none of its business, and the examination."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import make_url

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.sealing import SealingKey
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline_tests.fakes.clinic import Clinic, a_clinic, mx, synthetic_mx
from mx_pipeline_tests.fakes.examination import NEIGHBOUR, Examination, people_write
from mx_pipeline_tests.fakes.invariants import watch_progress
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

__all__ = ["a_clinic", "mx", "synthetic_mx"]


@pytest.fixture(scope="session")
def template(
    postgres: EmbeddedPostgres, template: str, sealing_key: SealingKey, synthetic_mx: SyntheticMx
) -> str:
    """The migrated database with a neighbour in it, synced once for all tests."""
    name = f"neighbour_{os.getpid()}"
    url = make_url(postgres.create_database(name, template=template)).set(drivername=DRIVER)
    warehouse = WarehouseUnderTest(Logins(url, sealing_key))
    watch_progress(warehouse)
    key = synthetic_mx.add_merchant(NEIGHBOUR, payments=60, seed=3)
    warehouse.has_merchant(NEIGHBOUR, key=key.consumer_key, secret=key.consumer_secret)
    report = Clinic(synthetic_mx, warehouse, NEIGHBOUR, key=key).sync("full")
    assert report.outcome == "success", report.message
    people_write(warehouse, NEIGHBOUR)
    synthetic_mx.remove_merchant(NEIGHBOUR)
    warehouse.close()
    return name


@pytest.fixture
def examination(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest, caplog: pytest.LogCaptureFixture
) -> Iterator[Examination]:
    """Listens to every log line, whoever writes it."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.WARNING, logger="uvicorn")  # the synthetic MX's own
    return Examination(a_clinic, warehouse, caplog)
