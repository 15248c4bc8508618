"""A real Postgres for one test session, in a directory of its own that goes with it."""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres, running

# What a power cut would lose is lost anyway.
UNSAFE_AND_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "256MB",
    "scram_iterations": "1",  # 4,096 of them cost 3 ms for each connection, of which a test opens half a dozen
}
IN_MEMORY = Path("/dev/shm")  # noqa: S108 # a new directory in it, with a name that nobody can guess
"""Copying a database there takes 20 ms of CPU, and 250 ms on the disk of a virtual machine (2026-11-23)."""
MEMORY_BYTES = 4_000_000_000
"""Room for several servers with a hundred databases each; a container's usual 64 MB are not."""


@contextmanager
def throwaway_directory(*, within: Path | None = None) -> Generator[Path]:
    """Made so that root's unprivileged account may enter: pytest's own tmp_path is closed to it."""
    directory = Path(tempfile.mkdtemp(prefix="mx-pipeline-test-", dir=within))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


@contextmanager
def throwaway_postgres(
    *, begins_as: Callable[[Path], None] | None = None, **settings: str
) -> Generator[EmbeddedPostgres]:
    """For a session-scoped fixture. Ends with the test session, also on Ctrl-C and SIGKILL.

    `begins_as`: puts data into its directory; otherwise it is as initdb makes it.
    """
    with throwaway_directory(within=memory()) as home:
        if begins_as is not None:
            begins_as(home)
        with running(home, settings={**UNSAFE_AND_FAST, **settings}) as postgres:
            yield postgres


def memory() -> Path | None:
    """Where the data of tests go; None where there is too little of it: to the disk then."""
    has_room = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > MEMORY_BYTES
    return IN_MEMORY if has_room and os.access(IN_MEMORY, os.W_OK) else None
