"""
Opens the warehouse for one merchant and one person, as one role.

Both are set inside the transaction by its first statement, and end with it, so a pooled connection
carries nothing from one tenant or person to the next, behind a pooler either.
"""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Connection, CursorResult, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext, Row
from sqlalchemy.engine.interfaces import IsolationLevel
from sqlalchemy.exc import DBAPIError

from mx_pipeline.access import NOBODY
from mx_pipeline.correlation import correlation
from mx_pipeline.errors import UnsafeConnection, UnsafeRole
from mx_pipeline.warehouse.logins import APP_ROLE, OWNER_ROLE, Logins
from mx_pipeline.warehouse.refusals import translated
from mx_pipeline.warehouse.statements import statements
from mx_pipeline.warehouse.two_keys import try_each

POOL_SIZE = 8
POOL_OVERFLOW = 8
"""A round syncs four merchants at once and looks after their leases: no more come and go than it needs."""
POOL_WAIT_SECONDS = 30
CONNECT_TIMEOUT_SECONDS = 5
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "120s"
IDLE_TIMEOUT = "10s"
"""Between two statements of a transaction: a process that was stopped there gives its locks back before its lease."""
PATIENCE_SECONDS = 90
"""For a Postgres that is busy or away: a restart takes seconds, a failover a minute."""
STILL_THERE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Seconds, but the last, milliseconds: so a host that is gone without a word is noticed within half a minute."""
ROWS_PER_PART = 5000
READ_ONLY_STATE = "25006"

LIMITS = {"lock_timeout": LOCK_TIMEOUT, "idle_timeout": IDLE_TIMEOUT, "statement_timeout": STATEMENT_TIMEOUT}
WITH_A_MERCHANT = (
    "a database connection came with a merchant or a person still set, so somebody used plain SET on it and what runs "
    "there could see another tenant; nothing was done on it. Find who shares this login or its pooler, and let the "
    "pooler open its connections anew (PgBouncer: RECONNECT)"
)
ROLE_IS_UNSAFE = (
    "SELECT current_user, rolsuper OR rolbypassrls OR EXISTS"
    " (SELECT FROM pg_roles AS owner WHERE owner.rolname = %s AND pg_has_role(current_user, owner.oid, 'MEMBER'))"
    " FROM pg_roles WHERE rolname = current_user"
)


@dataclass(frozen=True)
class Opening:
    """What a transaction begins with: a statement of `sql/entering.sql`."""

    name: str = "enter"
    parameters: Mapping[str, object] = field(default_factory=dict[str, object])
    isolation_level: IsolationLevel | None = None
    limits: Mapping[str, str] = field(default_factory=lambda: LIMITS)
    is_read_only: bool = False


ENTER = Opening()
SNAPSHOT = Opening(isolation_level="REPEATABLE READ")
"""For reading: all of one moment, whatever others write meanwhile."""
HELD = Opening(
    isolation_level="REPEATABLE READ",
    limits={**LIMITS, "idle_timeout": "0", "statement_timeout": "0"},
)
"""The same, for a program that reads that moment as well, for as long as it takes."""


@dataclass(frozen=True)
class Session:
    """One transaction. `run` finds its statement by page and name, and translates what Postgres refuses."""

    connection: Connection

    def run(self, page: str, name: str, /, **parameters: object) -> CursorResult[Any]:
        """Run `sql/<page>.sql: <name>`."""
        with translated():
            return self.connection.execute(statements(page)[name], self._complete(parameters))

    def one(self, page: str, name: str, /, **parameters: object) -> Row[Any]:
        """The only row that the statement gives."""
        return self.run(page, name, **parameters).one()

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """What is done inside is undone alone if it fails; the transaction goes on."""
        with translated():
            nested = self.connection.begin_nested()
        try:
            yield
        except BaseException:
            with suppress(DBAPIError):
                nested.rollback()
            raise
        with translated():
            nested.commit()

    def parts(self, page: str, name: str, /, **parameters: object) -> Iterator[Sequence[int]]:
        """The first column of all rows, a few thousand at a time, however many there are: for ids."""
        asked = {"stream_results": True, "max_row_buffer": ROWS_PER_PART}
        with translated():
            rows = self.connection.execute(
                statements(page)[name], self._complete(parameters), execution_options=asked
            ).scalars()
            yield from rows.partitions(ROWS_PER_PART)

    def ids(self, page: str, name: str, /, **parameters: object) -> array[int]:
        """The same, in 8 bytes an id."""
        found = array("q")
        for part in self.parts(page, name, **parameters):
            found.extend(part)
        return found

    def column(self, page: str, name: str, /, **parameters: object) -> list[Any]:
        """The first column of all rows."""
        return list(self.run(page, name, **parameters).scalars())

    def _complete(self, parameters: Mapping[str, object]) -> Mapping[str, object]:
        return {name: _as_literal(value) for name, value in parameters.items()}


@dataclass(frozen=True)
class Tenant(Session):
    """One transaction inside one merchant; every statement gets that merchant's id."""

    merchant_id: int
    opened_with: Row[Any] | None = None
    """The row that the opening statement gave."""
    _settings: set[str] = field(default_factory=set[str], repr=False)

    def set_once(self, page: str, name: str) -> None:
        """Run a statement that sets what lasts as long as the transaction; a second time it is in force already."""
        if name not in self._settings:
            self.run(page, name)
            self._settings.add(name)

    def _complete(self, parameters: Mapping[str, object]) -> Mapping[str, object]:
        return {**super()._complete(parameters), "merchant_id": self.merchant_id}


class Warehouse:
    """The warehouse through one login role; safe to share between threads."""

    def __init__(self, logins: Logins, role: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """`role` is one of `logins.LOGIN_ROLES`. Connects on first use, not here."""
        self.role = role
        self.patience_seconds = patience_seconds
        self._application = f"mx_pipeline {role} {logins.known_keys()}"
        self._engine = _engine(logins, role, self._application)

    @contextmanager
    def merchant(
        self, merchant_id: int, *, person: str = NOBODY, opening: Opening = ENTER
    ) -> Generator[Tenant]:
        """A transaction inside one merchant. Raises WarehouseError and its kinds.

        As the application it sees what `person` may: the id of one of `mx.users`, OPERATOR, or nothing.
        `opening` gives `Tenant.opened_with`.
        """
        with self._begin(merchant_id, person, opening) as (connection, row):
            yield Tenant(connection, merchant_id, row)

    @contextmanager
    def everyone(self, *, person: str = NOBODY, opening: Opening = ENTER) -> Generator[Session]:
        """A transaction inside no merchant: it sees what the role's own policies show (the dispatcher's)."""
        with self._begin(None, person, opening) as (connection, _):
            yield Session(connection)

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()

    @contextmanager
    def _begin(
        self, merchant_id: int | None, person: str, opening: Opening
    ) -> Generator[tuple[Connection, Row[Any]]]:
        merchant = "" if merchant_id is None else str(merchant_id)
        parameters = {
            **opening.parameters,
            **opening.limits,
            "merchant": merchant,
            "person": person,
            "application": self._application + correlation().application,
        }
        with translated():
            connection, row = self._entered(opening, parameters)
        with connection:
            if row.came_with:
                connection.invalidate()
                raise UnsafeConnection(WITH_A_MERCHANT)
            try:
                yield connection, row
            except BaseException:
                with suppress(DBAPIError):
                    connection.rollback()
                raise
            with translated():
                connection.commit()

    def _entered(self, opening: Opening, parameters: Mapping[str, object]) -> tuple[Connection, Row[Any]]:
        """A connection in its transaction; where one that lay in the pool was lost there, a new one.

        That takes the place of a question before each transaction whether the connection still stands: nothing
        has been committed yet, so the first statement can be sent again.
        """
        is_person = self.role == APP_ROLE and opening.name == ENTER.name
        statement = statements("entering")["enter_for_a_person" if is_person else opening.name]
        for is_last in (False, True):
            connection = self._engine.connect()
            try:
                if opening.isolation_level is not None:
                    connection = connection.execution_options(isolation_level=opening.isolation_level)
                if opening.is_read_only:
                    connection = connection.execution_options(postgresql_readonly=True)
                return connection, connection.execute(statement, parameters).one()
            except BaseException as error:
                connection.close()
                if is_last or not isinstance(error, DBAPIError) or not error.connection_invalidated:
                    raise
        raise AssertionError("the second try returns or raises")


def _as_literal(value: object) -> object:
    """Ids as Postgres writes an array: it reads that thirty times as fast as an expression of a thousand numbers."""
    if not isinstance(value, list):
        return value
    items = cast("list[object]", value)
    return f"{{{','.join(map(str, items))}}}" if all(type(item) is int for item in items) else items


def _engine(logins: Logins, role: str, application: str) -> Engine:
    engine = create_engine(
        logins.url(role),
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_WAIT_SECONDS,
        pool_use_lifo=True,  # the one that was used last has its plans and its caches
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "application_name": application,
            "target_session_attrs": "read-write",
            **STILL_THERE,
        },
    )
    try_each(engine, logins.passwords(role))
    event.listen(engine, "connect", _refuse_unsafe_role)
    event.listen(engine, "handle_error", _leave_standby)
    return engine


def _leave_standby(context: ExceptionContext) -> None:
    """A server that takes no writes any more, after a failover: look for the one that does."""
    if getattr(context.original_exception, "pgcode", None) == READ_ONLY_STATE:
        context.is_disconnect = True


def _refuse_unsafe_role(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ROLE_IS_UNSAFE, (OWNER_ROLE,))
        role, unsafe = cursor.fetchone()
    connection.rollback()
    if unsafe:
        raise UnsafeRole(
            f"the login {role} is a superuser, bypasses row-level security or owns the tables, so nothing runs "
            "with it; let mx-pipeline migrate make the logins, or give a plain one in MX_LOADER_DATABASE_URL, "
            "MX_APP_DATABASE_URL or MX_DISPATCHER_DATABASE_URL"
        )
