"""A home whose data directory is made once for all tests, and new ones for those that need them."""

from collections.abc import Generator
from pathlib import Path

import pytest

from mx_pipeline.local.embedded_postgres import running
from mx_pipeline_tests.local.processes import nothing_runs_under, soon
from mx_pipeline_tests.local.throwaway_postgres import UNSAFE_AND_FAST, memory, throwaway_directory


@pytest.fixture
def new_home() -> Generator[Path]:
    """Empty: the first start makes the data directory (0.6 s)."""
    with throwaway_directory(within=memory()) as directory:
        yield directory
        assert soon(lambda: nothing_runs_under(directory))


@pytest.fixture(scope="session")
def made_home() -> Generator[Path]:
    with throwaway_directory(within=memory()) as directory:
        with running(directory, settings=UNSAFE_AND_FAST):
            pass
        yield directory


@pytest.fixture
def home(made_home: Path) -> Generator[Path]:
    """Has its data directory already, and no server."""
    yield made_home
    assert soon(lambda: nothing_runs_under(made_home))
