"""The warehouse: reachable, migrated, tenants apart, logins harmless and let in, room and the right time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from mx_pipeline.operations.doctor.findings import Finding, fail, ok
from mx_pipeline.warehouse.diagnosing import Catalogue, read_catalogue, refused_logins
from mx_pipeline.warehouse.logins import Logins

MOST_SKEW = timedelta(minutes=2)
ROUNDS, CONNECTIONS_OF_A_ROUND = 4, 9
"""A connection for each of four merchants side by side, three that watch over them, and Dagster's two."""
OTHERS, CONNECTIONS_OF_ANOTHER = 8, 5
"""The other four runs (`max_concurrent_runs` of dagster.yaml), and the four children of one worker."""
CONNECTIONS_OF_THE_REST = 20
"""The daemon, the code server, the web servers and whoever types a command."""
MOST_NAMED = 5


def database(logins: Logins) -> Iterator[Finding]:
    """By the migrating login. Raises WarehouseError where it does not get in."""
    before = datetime.now(UTC)
    seen = read_catalogue(logins)
    after = datetime.now(UTC)
    yield ok("database", f"{seen.database} answers")
    if seen.schema_fault:
        yield fail("schema", seen.schema_fault)
    else:
        yield ok("schema", "is what this program needs")
    yield from _apart(seen)
    yield from _powers(seen)
    yield _clock(before, seen.clock, after)
    yield _room(seen.room)


def logins_get_in(logins: Logins) -> Iterator[Finding]:
    """Each login role, by its own password."""
    refusals = refused_logins(logins)
    for role, why in refusals.items():
        yield fail("logins", f"{role} does not get in: {why}")
    if not refusals:
        yield ok("logins", "all get in")


def connections_needed() -> int:
    """By everything at once: see docs/scaling.md, and the bench that counts them."""
    return ROUNDS * CONNECTIONS_OF_A_ROUND + OTHERS * CONNECTIONS_OF_ANOTHER + CONNECTIONS_OF_THE_REST


def _room(connections: int) -> Finding:
    needed = connections_needed()
    if connections >= needed:
        return ok("connections", f"room for {connections}, {needed} are needed")
    return fail(
        "connections",
        f"room for {connections}, and {needed} are needed ({ROUNDS} rounds x {CONNECTIONS_OF_A_ROUND}, {OTHERS} other "
        f"processes that sync x {CONNECTIONS_OF_ANOTHER}, {CONNECTIONS_OF_THE_REST} for the rest): raise "
        "max_connections of the server or the database's CONNECTION LIMIT, or let fewer run at once "
        "(max_concurrent_runs in dagster.yaml, worker --children)",
    )


def _apart(seen: Catalogue) -> Iterator[Finding]:
    if seen.open_tables:
        yield fail(
            "tenants",
            f"{some(seen.open_tables)}; tenants are not kept apart there: stop what runs, have the table as schema.sql "
            "says (ALTER TABLE ... ENABLE and FORCE ROW LEVEL SECURITY, its policy only_this_merchant), then look "
            "into audit list",
        )
    else:
        yield ok("tenants", "every table is forced to one merchant at a time")
    if seen.owners_views:
        yield fail(
            "views",
            f"{some(seen.owners_views)} read with their owner's rights, past row-level security: "
            "ALTER VIEW ... SET (security_invoker = true), and find out who made them",
        )
    else:
        yield ok("views", "read with their reader's rights")


def _powers(seen: Catalogue) -> Iterator[Finding]:
    if seen.missing_roles:
        yield fail("roles", f"{some(seen.missing_roles)} are missing: run mx-pipeline migrate")
    elif seen.powerful_logins:
        yield fail(
            "roles",
            f"{some(seen.powerful_logins)}, so row-level security does not bind it: ALTER ROLE ... NOSUPERUSER "
            "NOBYPASSRLS, or REVOKE mx_owner FROM ...",
        )
    else:
        yield ok("roles", "none can bypass row-level security")


def _clock(before: datetime, theirs: datetime, after: datetime) -> Finding:
    skew = max(theirs - after, before - theirs, timedelta(0))
    if skew <= MOST_SKEW:
        return ok("clock", "ours and the server's agree")
    return fail(
        "clock",
        f"ours and the server's are {skew.total_seconds():.0f} s apart: let both machines take the time from NTP "
        "(timedatectl status), for tokens and leases end by it",
    )


def some(named: Sequence[object]) -> str:
    """A few of them."""
    rest = len(named) - MOST_NAMED
    return "; ".join(map(str, named[:MOST_NAMED])) + (f" and {rest} more" if rest > 0 else "")
