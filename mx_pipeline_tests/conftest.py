"""What every test may ask for: a real Postgres, and in it a migrated warehouse of its own."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import count
from typing import Any

import psycopg2
import pytest
from sqlalchemy import make_url

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.local.server_image import TEMPLATE, ServerImage, shared_image
from mx_pipeline_tests.local.throwaway_postgres import throwaway_postgres

NUMBERS = count(1)


def pytest_configure() -> None:
    """Ctrl-C and a closed terminal mean what they mean, whoever has started us: what ignores them hands that on."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


def pytest_addoption(parser: pytest.Parser) -> None:
    """H6, H10 and P11 of faults.md speak of 30 s. CI sees the same code with less time."""
    parser.addoption("--full-length", action="store_true", help="what is scaled in CI takes its real time")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that at the end nobody waits for it alone."""
    items.sort(key=lambda item: item.get_closest_marker("begins_early") is None)


def pytest_collection_finish() -> None:
    """All that is imported by now stays: whoever collects garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test has to tell beside passing, as the seed of its dice: also when it ran in a process of its own."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    for told in [value for report in reports for name, value in report.user_properties if name == "told"]:
        terminalreporter.write_line(str(told))


@pytest.fixture(scope="session")
def is_full_length(pytestconfig: pytest.Config) -> bool:
    """Is there time for 30 s to be 30 s?"""
    return bool(pytestconfig.getoption("--full-length"))


@pytest.fixture(scope="session")
def server_image(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Generator[ServerImage]:
    """What the server of each process of this run begins as."""
    directory = tmp_path_factory.getbasetemp()
    is_one_of_many = hasattr(pytestconfig, "workerinput")  # as pytest-xdist has it
    with shared_image(directory.parent if is_one_of_many else directory) as image:
        yield image


@pytest.fixture(scope="session")
def postgres(server_image: ServerImage) -> Generator[EmbeddedPostgres]:
    """One server for the whole session. Each process has its own: logins and settings are the server's."""
    with throwaway_postgres(begins_as=server_image.copy_to, max_connections="200") as server:
        yield server


@pytest.fixture(scope="session")
def sealing_key(server_image: ServerImage) -> SealingKey:
    """One key for the session: the logins of all test databases are the server's, and come from it."""
    return server_image.key


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    """A migrated database that each test gets a copy of."""
    return TEMPLATE


@pytest.fixture(scope="session")
def administrator(postgres: EmbeddedPostgres) -> Iterator[Any]:
    """Makes and drops the databases of all tests over one connection."""
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, administrator: Any, template: str) -> Iterator[str]:
    """The address of a fresh copy, by the superuser."""
    name = f"test_{os.getpid()}_{next(NUMBERS)}"
    # Whole files, not row by row through the log: half the time, and the first to connect finds a cache.
    administrator.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield postgres.url(name)
    administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def warehouse(database_url: str, sealing_key: SealingKey) -> Iterator[WarehouseUnderTest]:
    """A warehouse of its own for one test, opened as any role."""
    under_test = WarehouseUnderTest(Logins(make_url(database_url).set(drivername=DRIVER), sealing_key))
    yield under_test
    under_test.close()
