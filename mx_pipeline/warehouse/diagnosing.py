"""What the catalogue, the logins and Dagster's own database tell `doctor`; it only reads, and waits for nothing."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import URL, NullPool, create_engine

from mx_pipeline.errors import SealBroken, WarehouseError
from mx_pipeline.sealing import Sealer
from mx_pipeline.warehouse import migrations
from mx_pipeline.warehouse.administering import admin_transaction, as_owner, ask
from mx_pipeline.warehouse.connections import Session, Warehouse
from mx_pipeline.warehouse.limits import LONGEST_WAIT
from mx_pipeline.warehouse.logins import (
    ANALYST_ROLE,
    APP_ROLE,
    GROUP_ROLES,
    LOADER_ROLE,
    LOGIN_ROLES,
    OWNER_ROLE,
    Logins,
)
from mx_pipeline.warehouse.merchants import KEY
from mx_pipeline.warehouse.migrate import MINIMUM_VERSION, newest
from mx_pipeline.warehouse.refusals import translated

CONNECT_SECONDS = 3
ANSWER_LIMIT = "4s"
OF_EACH_KEY = 20
ROLES = [*LOGIN_ROLES, *GROUP_ROLES]
HELD = [LOADER_ROLE, APP_ROLE, ANALYST_ROLE]
"""Roles that a restrictive policy holds to merchants; what the others may see of all is a policy of its own."""


@dataclass(frozen=True)
class Catalogue:
    """What the server says of itself and of the schema."""

    database: str
    clock: datetime
    room: int
    """Connections that we may have."""
    schema_fault: str | None
    open_tables: Sequence[str]
    owners_views: Sequence[str]
    powerful_logins: Sequence[str]
    missing_roles: Sequence[str]
    is_migrated: bool


@dataclass(frozen=True)
class MerchantsNeed:
    """What the merchants need of their surroundings."""

    environments: frozenset[str]
    """Of those that are active."""
    refused: Sequence[int]
    unknown_zones: Sequence[str]
    unopened: Mapping[int, str]
    """By merchant: why its sealed key does not open."""
    unanswered: int


def read_catalogue(logins: Logins) -> Catalogue:
    """By the migrating login. Raises WarehouseError and its kinds."""
    with _soon(logins) as session:
        server = session.one("doctor", "server")
        return Catalogue(
            database=server.database,
            clock=server.clock,
            room=server.room,
            schema_fault=_schema_fault(session, server.version, is_migrated=server.is_migrated),
            open_tables=session.column("doctor", "open_tables", roles=HELD),
            owners_views=session.column("doctor", "owners_views"),
            powerful_logins=session.column("doctor", "powerful_logins", roles=ROLES),
            missing_roles=session.column("doctor", "missing_roles", roles=[OWNER_ROLE, *ROLES]),
            is_migrated=server.is_migrated,
        )


def read_merchants(logins: Logins, sealer: Sealer) -> MerchantsNeed:
    """As the owner of the tables. Raises WarehouseError and its kinds."""
    with as_owner(logins) as session:
        session.run("doctor", "give_up_after", limit=ANSWER_LIMIT)
        return MerchantsNeed(
            environments=frozenset(session.column("doctor", "environments")),
            refused=session.column("doctor", "refused"),
            unknown_zones=session.column("doctor", "unknown_zones"),
            unopened=_unopened(session, sealer),
            unanswered=session.one("doctor", "unanswered", **LONGEST_WAIT)[0],
        )


def environments_in_use(logins: Logins) -> Sequence[str]:
    """The vendor's worlds that active merchants need. Raises WarehouseError and its kinds."""
    with as_owner(logins) as session:
        return session.column("doctor", "environments")


def listening_workers(logins: Logins) -> int:
    """How many processes of workers listen for requests. Raises WarehouseError and its kinds."""
    with _soon(logins) as session:
        return session.one("doctor", "bells")[0]


def others_at_work(session: Session) -> Sequence[str]:
    """The addresses, other than ours, from which the dispatcher's login is used."""
    return session.column("doctor", "others_at_work")


def refused_logins(logins: Logins) -> Mapping[str, str]:
    """Each login that does not get in, with the reason."""
    refusals: dict[str, str] = {}
    for role in LOGIN_ROLES:
        with closing(Warehouse(logins, role)) as warehouse:
            try:
                with warehouse.everyone():
                    pass
            except WarehouseError as error:
                refusals[role] = str(error)
    return refusals


@contextmanager
def dagsters_database(url: URL) -> Generator[Session]:
    """A transaction in Dagster's own database. Raises WarehouseError and its kinds."""
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_SECONDS, "application_name": "mx_pipeline doctor"},
    )
    with translated(), engine.begin() as connection:
        session = Session(connection)
        session.run("doctor", "give_up_after", limit=ANSWER_LIMIT)
        yield session


@contextmanager
def _soon(logins: Logins) -> Generator[Session]:
    with admin_transaction(logins) as connection:
        session = Session(connection)
        session.run("doctor", "give_up_after", limit=ANSWER_LIMIT)
        yield session


def _schema_fault(session: Session, version: int, *, is_migrated: bool) -> str | None:
    if version < MINIMUM_VERSION:
        return f"PostgreSQL 15 or later is needed, and this server is {version // 10000}: upgrade it"
    if not is_migrated:
        return "there is no schema mx here: run mx-pipeline migrate"
    for number, checksum in ask(session.connection, "applied_checksums"):
        try:
            known = migrations.checksum(number)
        except LookupError:
            return f"migration {number} is of a newer mx_pipeline: install that version here"
        if known != checksum:
            return (
                f"migration {number} was edited after it was applied: restore the text that was released, and put "
                "the change into a new migration"
            )
    stands = session.one("doctor", "schema_version")[0]
    if stands != newest():
        return f"the schema is at migration {stands}, this program needs {newest()}: run mx-pipeline migrate"
    return None


def _unopened(session: Session, sealer: Sealer) -> dict[int, str]:
    unopened: dict[int, str] = {}
    for row in session.run("doctor", "sealed", most=OF_EACH_KEY):
        try:
            sealer.open(
                bytes(row.consumer_key), merchant_id=row.merchant_id, name=KEY, key_id=row.sealing_key_id
            )
        except SealBroken as error:
            unopened[row.merchant_id] = str(error)
    return unopened
