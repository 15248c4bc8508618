"""The warehouse of one machine: the embedded Postgres with its database, and the key that seals."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from mx_pipeline.errors import LocalFailed
from mx_pipeline.local.embedded_postgres import EmbeddedPostgres, running
from mx_pipeline.sealing import SealingKey
from mx_pipeline.settings import EMBEDDED_WAREHOUSE, SEALING_KEY_FILE


@contextmanager
def embedded_warehouse(home: Path, *, makes_sealing_key: bool = True) -> Generator[EmbeddedPostgres]:
    """Everything that `Settings` looks for under `home`, for the length of a block; not migrated.

    `makes_sealing_key` is false where the environment holds the key. Raises LocalFailed.
    """
    with running(home) as postgres:
        postgres.create_database(EMBEDDED_WAREHOUSE)
        if makes_sealing_key:
            ensure_sealing_key(home)
        yield postgres


def ensure_sealing_key(home: Path) -> None:
    """Make the key once. It appears whole or not at all, so whoever starts at the same time reads the same one."""
    path = home / SEALING_KEY_FILE
    if path.exists():
        return
    draft = home / f".{SEALING_KEY_FILE}.{os.getpid()}"
    try:
        with suppress(FileNotFoundError):
            draft.unlink()  # of a process that had this number and was killed here
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(SealingKey.generate().to_base64() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    except OSError as error:
        raise LocalFailed(
            f"the sealing key could not be kept under {home}: {error}; set MX_SEALING_KEY instead, or MX_HOME "
            "to a directory where this user may write"
        ) from error
