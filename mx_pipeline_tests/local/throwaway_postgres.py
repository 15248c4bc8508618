"""A real Postgres for one test session, in a directory of its own that goes with it."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres, running

# What a power cut would lose is lost anyway.
UNSAFE_AND_FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@contextmanager
def throwaway_directory() -> Generator[Path]:
    """Made so that root's unprivileged account may enter: pytest's own tmp_path is closed to it."""
    directory = Path(tempfile.mkdtemp(prefix="mx-pipeline-test-"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def throwaway_postgres(**settings: str) -> Generator[EmbeddedPostgres]:
    """For a session-scoped fixture. Ends with the test session, also on Ctrl-C and SIGKILL."""
    with throwaway_directory() as home, running(home, settings={**UNSAFE_AND_FAST, **settings}) as postgres:
        yield postgres
