"""
The numbered migrations: `NNNN_words.sql` says what changes, the file in `versions` gives Alembic its number.

They are forward only, and frozen once applied anywhere: `migrate` refuses one whose text has changed.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files

from alembic import op


def migration_sql(number: str) -> str:
    """The text of one migration. Raises LookupError where there is not exactly one file of that number."""
    found = [entry for entry in files(__name__).iterdir() if entry.name.startswith(f"{number}_")]
    if len(found) != 1:
        raise LookupError(f"there must be one file {number}_*.sql, and there are {len(found)}")
    return found[0].read_text(encoding="utf-8")


def checksum(number: str) -> str:
    """SHA-256 of a migration's text, in hex."""
    return hashlib.sha256(migration_sql(number).encode()).hexdigest()


def apply(number: str) -> None:
    """Run one migration's SQL inside Alembic's transaction, as it stands: no parameter, no `%` is special."""
    op.get_bind().execution_options(no_parameters=True).exec_driver_sql(migration_sql(number))
