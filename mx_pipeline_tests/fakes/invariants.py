"""What must hold in a warehouse whatever has happened, each as the list of what does not: empty where all is well."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from mx_pipeline.sync.orders import Phase
from mx_pipeline.warehouse.audit_chain import verify
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

MEMORY_AT_MOST = 200_000_000
"""Bytes above what the process needs anyway (100 MB): 300 MB of a sync's own, though its vendor is in it too."""
PAGE_BYTES = 4096
RESET_PEAK = "5"
OPEN = """
SELECT 'run ' || run_id FROM mx.sync_runs WHERE finished_at IS NULL OR outcome IS NULL
 UNION ALL SELECT status || ' request ' || request_id FROM mx.sync_requests
            WHERE status <> 'done' AND NOT (:died AND (status = 'asked' OR claimed_by LIKE 'process %'))
 UNION ALL SELECT 'lease' FROM mx.sync_leases WHERE expires_at > now()
 UNION ALL SELECT 'transaction of ' || usename FROM pg_stat_activity
            WHERE datname = current_database() AND state LIKE 'idle in transaction%'
 UNION ALL SELECT 'temporary table ' || relname FROM pg_class WHERE relpersistence = 't' AND relkind = 'r'
"""
WATCH = """
CREATE SCHEMA watch;
CREATE TABLE watch.progress (
    step bigint GENERATED ALWAYS AS IDENTITY, run_id bigint, phase text, outcome text, has_stats boolean
);
CREATE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO watch.progress (run_id, phase, outcome, has_stats)
    VALUES (NEW.run_id, NEW.phase, NEW.outcome, NEW.stats IS NOT NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER watched AFTER INSERT OR UPDATE ON mx.sync_runs FOR EACH ROW EXECUTE FUNCTION watch.note()
"""
UNPROVEN = """
SELECT run_id FROM mx.sync_runs AS run
 WHERE outcome = 'success' AND parameters->'phases' ? 'payments'
   AND (SELECT bool_and(verdict = 'agrees') AND count(*) = 2 FROM mx.certificates AS made
         WHERE made.merchant_id = run.merchant_id AND made.run_id = run.run_id) IS NOT TRUE
"""


def watch_progress(warehouse: WarehouseUnderTest) -> None:
    """From now on each step of each run is written down beside it, as whoever looks on sees them."""
    warehouse.damage(WATCH)


def all_tables(warehouse: WarehouseUnderTest) -> list[str]:
    """Every table that has a tenant."""
    rows = warehouse.rows_again(
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = 'mx'::regnamespace AND relkind IN ('r', 'p') AND attname = 'merchant_id' ORDER BY 1"
    )
    return [name for (name,) in rows]


def written(
    warehouse: WarehouseUnderTest, tables: Iterable[str], comparison: str, merchant_id: int
) -> list[tuple[Any, ...]]:
    """A hash per table of all that stands there of this merchant (`=`), or of each other one (`<>`)."""
    parts = " UNION ALL ".join(
        f"SELECT '{table}', merchant_id, md5(string_agg(t::text, '' ORDER BY t::text)) FROM mx.{table} AS t"
        f" WHERE merchant_id {comparison} {merchant_id} GROUP BY merchant_id"
        for table in tables
    )
    return sorted(tuple(row) for row in warehouse.rows_again(parts))


def left_open(warehouse: WarehouseUnderTest, *, died: bool = False) -> list[str]:
    """I6: runs, requests, leases, transactions, temporary tables.

    `died`: a process did, and what was asked of it may wait for the dispatcher, who is not here.
    """
    return [what for (what,) in warehouse.rows(OPEN, died=died)]


def broken_chains(warehouse: WarehouseUnderTest) -> list[str]:
    """I8: the audit log is what was written, in every chain."""
    with warehouse.auditor.everyone() as session:
        return [str(finding) for finding in verify(session).findings]


def false_progress(warehouse: WarehouseUnderTest) -> list[str]:
    """I9: no phase after a later one, nothing after the end, and no success that is not certified."""
    order = {None: -1} | {str(phase): rank for rank, phase in enumerate(Phase)}
    found = [
        f"run {run_id} is a success without certificates that agree" for (run_id,) in warehouse.rows(UNPROVEN)
    ]
    steps = warehouse.rows(
        "SELECT run_id, phase, outcome, has_stats FROM watch.progress ORDER BY run_id, step"
    )
    for before, after in pairwise(steps):
        if before.run_id != after.run_id:
            continue
        if before.outcome is not None and (after.phase, after.outcome) != (None, before.outcome):
            found.append(f"run {after.run_id} went on after its end")
        if after.outcome is None and order[after.phase] < order[before.phase]:
            found.append(f"run {after.run_id} went back from {before.phase} to {after.phase}")
    early = [step.run_id for step in steps if step.has_stats and step.outcome is None]
    return found + [f"run {run_id} told its figures before its end" for run_id in early]


class Peak:
    """Bytes, as long as nobody has ended it: 0."""

    bytes = 0


@contextmanager
def memory() -> Iterator[Peak]:
    """I10: how much this process, vendor and client together, grows at most meanwhile. The kernel keeps the peak."""
    peak = Peak()
    Path("/proc/self/clear_refs").write_text(RESET_PEAK)
    before = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    yield peak
    told = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    peak.bytes = int(told) * 1024 - before
