"""Turns what Postgres refuses into our error tree, without the row that it would quote."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import psycopg2
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from mx_pipeline.errors import (
    RowRefused,
    WarehouseError,
    WarehouseNotReady,
    WarehouseSlow,
    WarehouseUnavailable,
)

PASSING_CLASSES = ("08", "40", "53", "57")
"""SQLSTATE classes: connection, transaction rollback, resources, operator intervention."""
NO_CONNECTION_LEFT = ("too many connections", "too many clients", "connection slots are reserved")
BAD_VALUE_CLASS = "22"
CONSTRAINT_CLASS = "23"
PASSING_STATES = frozenset({"55P03", "25006", "25P03"})
"""A lock; a server that only reads, as after a failover; this process was stopped in a transaction."""
CANCELLED_STATE = "57014"
"""By statement_timeout, or by somebody's hand."""
NOT_READY_STATES = frozenset({"3D000", "3F000", "42P01", "42703", "42704", "42883"})
"""No such database, schema, table, column, role, function: the migration has not run."""
NO_ENTRY_STATES = frozenset({"28000", "28P01"})


@contextmanager
def translated() -> Generator[None]:
    """Raise WarehouseUnavailable, WarehouseNotReady or WarehouseError in place of the driver's errors.

    The driver's message can quote a whole row (a patient's name), so only its first line of words and
    the SQLSTATE are kept, and the cause is dropped.
    """
    try:
        yield
    except DBAPIError as error:
        raise _refusal(error.orig, is_lost=error.connection_invalidated) from None
    except psycopg2.Error as error:
        raise _refusal(error) from None
    except PoolTimeout:
        raise WarehouseUnavailable(
            "no database connection became free in time; try again, or lower the number of syncs at once"
        ) from None


def _refusal(error: BaseException | None, *, is_lost: bool = False) -> WarehouseError:
    state = getattr(error, "pgcode", None)
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    words = primary or _last_words(str(error))
    if state is None and (is_lost or isinstance(error, psycopg2.OperationalError)):
        return _no_connection(words)
    if state in NO_ENTRY_STATES:
        return _wrong_login(words)
    if state in NOT_READY_STATES:
        return WarehouseNotReady(
            f"the warehouse is not ready: {words}; bring it up to date with: mx-pipeline migrate"
        )
    if state == CANCELLED_STATE:
        return WarehouseSlow(
            f"Postgres was too slow ({state}): {words}; look for what keeps it busy, then try again"
        )
    if state is not None and (state.startswith(PASSING_CLASSES) or state in PASSING_STATES):
        return WarehouseUnavailable(f"Postgres could not do it now ({state}): {words}; try again")
    if state is not None and state.startswith(BAD_VALUE_CLASS):
        # Its words can quote the value ("invalid input syntax for type numeric: ...").
        return RowRefused(f"Postgres refused a statement ({state}): a value in it cannot be stored")
    if state is not None and state.startswith(CONSTRAINT_CLASS):
        return RowRefused(f"Postgres refused a statement ({state}): {words}")
    return WarehouseError(f"Postgres refused a statement ({state}): {words}")


def _last_words(text: str) -> str:
    """The last address's refusal, without libpq's question whether the server is running."""
    told = [line.strip() for line in text.splitlines() if line.strip() and not line.endswith("?")]
    return told[-1] if told else "no reason given"


def _no_connection(words: str) -> WarehouseError:
    if "authentication failed" in words or "no pg_hba.conf entry" in words:
        return _wrong_login(words)
    if "does not exist" in words:
        return WarehouseNotReady(f"the warehouse is not ready: {words}; check MX_DATABASE_URL")
    if any(full in words for full in NO_CONNECTION_LEFT):
        return WarehouseUnavailable(
            f"Postgres has no connection left for us: {words}; raise its max_connections, or lower the number of "
            "syncs at once"
        )
    return WarehouseUnavailable(
        f"the database cannot be reached: {words}; check that Postgres runs and that MX_DATABASE_URL points to it"
    )


def _wrong_login(words: str) -> WarehouseError:
    return WarehouseNotReady(
        f"Postgres refused the login: {words}; run mx-pipeline migrate with the MX_SEALING_KEY in use here "
        "(the logins' passwords come from it), and check the user and password in MX_DATABASE_URL"
    )
