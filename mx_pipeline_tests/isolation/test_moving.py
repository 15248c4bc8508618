"""Data survives every migration, and a backup holds all of it: by logins that are no superusers, on 15 and on ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from sqlalchemy import text

from mx_pipeline.access import OPERATOR
from mx_pipeline.operations.at_work import Person
from mx_pipeline.operations.backing_up import back_up
from mx_pipeline.operations.restoring import restore
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import LOADER_ROLE, Logins
from mx_pipeline.warehouse.migrate import migrate, newest
from mx_pipeline_tests.isolation.allowed import ALLOWED
from mx_pipeline_tests.isolation.rows import ONE, OTHER, fill
from mx_pipeline_tests.isolation.rules import RULES
from mx_pipeline_tests.isolation.servers import Server, debian_15, embedded, text_of

PAYMENTS = 500
MORE_PAYMENTS = """
    INSERT INTO mx.payments (merchant_id, mx_payment_id, created, amount, status, payload, observed_at)
    SELECT merchant_id, 1 + number, now() - number * interval '1 hour', number / 100.0, 'Settled',
           jsonb_build_object('batch', number, 'memo', '\u00fc \u4e2d "'), now()
      FROM mx.mx_merchant_configs, generate_series(1, %s) AS number"""
AN_OWNER = "UPDATE mx.mx_merchant_configs SET user_id = '00000000-0000-4000-8000-000000000009' WHERE merchant_id = %s"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'mx' ORDER BY 1"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(embedded, id="embedded"),
        pytest.param(debian_15, id="postgresql-15", marks=pytest.mark.system),
    ],
)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with request.param() as started:
        yield started


@pytest.fixture
def filled(server: Server, request: pytest.FixtureRequest) -> Logins:
    """A warehouse by the first migration, with data of two merchants, brought up to date."""
    logins = server.create_database(f"filled_{abs(hash(request.node.name)) % 10**9}")
    migrate(logins, to="0001")
    _fill(server, logins)
    migrate(logins)
    return logins


def test_every_migration_keeps_the_data_that_is_there(server: Server) -> None:
    logins = server.create_database("with_data")
    assert migrate(logins, to="0001").after == "0001"
    _fill(server, logins)
    before = _rows(server, logins)

    migrated = migrate(logins)

    after = _rows(server, logins)
    assert (migrated.before, migrated.after) == ("0001", newest())
    assert len(before["payments"]) == 2 * (PAYMENTS + 1)
    for table, rows in before.items():
        if table not in ("alembic_version", "migration_checksums"):
            assert len(after[table]) == len(rows), table
            assert [
                row for row in rows if not any(row.items() <= kept.items() for kept in after[table])
            ] == [], table


def test_s8_the_rules_hold_for_data_that_was_migrated(server: Server, filled: Logins) -> None:
    with (
        closing(psycopg2.connect(_as_superuser(server, filled))) as connection,
        connection.cursor() as cursor,
    ):
        for rule, statement in RULES.items():
            cursor.execute(statement)
            found = {name for (name,) in cursor} - {name for broken, name in ALLOWED if broken == rule}
            assert found == set(), rule


def test_a_backup_by_its_role_holds_every_row_of_every_tenant(
    server: Server, filled: Logins, tmp_path: Path
) -> None:
    taken = server.dump(filled, tmp_path / "dump", "--enable-row-security")
    assert taken.returncode == 0, taken.stderr

    empty = server.create_database("restored")
    restored = server.restore(empty, tmp_path / "dump")

    assert restored.returncode == 0, restored.stderr
    before, after = _rows(server, filled), _rows(server, empty)
    assert {table: len(rows) for table, rows in after.items()} == {
        table: len(rows) for table, rows in before.items()
    }
    assert after == before
    assert migrate(empty).before == newest()
    opened = Warehouse(empty, LOADER_ROLE)
    with opened.merchant(OTHER) as tenant:
        count = text("SELECT merchant_id, count(*) FROM mx.payments GROUP BY 1")
        assert tenant.connection.execute(count).all() == [(OTHER, PAYMENTS + 1)]
        numbered = "INSERT INTO mx.sync_runs (merchant_id, mode) VALUES (:other, 'full') RETURNING run_id"
        assert tenant.connection.execute(text(numbered), {"other": OTHER}).scalar_one() > 1
    opened.close()


def test_s22_an_encrypted_backup_comes_back_by_a_login_that_is_no_superuser(
    server: Server, filled: Logins, tmp_path: Path
) -> None:
    secret = import_module("pyrage").x25519.Identity.generate()
    (tmp_path / "identity").write_text(str(secret))
    before = _rows(server, filled)
    empty = server.create_database("came_back")
    there, back = (
        Settings.from_environment(
            {
                "MX_DATABASE_URL": text_of(logins.admin),
                "MX_SEALING_KEY": server.key.to_base64(),
                "MX_BACKUP_RECIPIENTS": str(secret.to_public()),
            }
        )
        for logins in (filled, empty)
    )

    made = back_up(there, Person(OPERATOR, "operator:test"), tmp_path / "backup.age")
    restore(back, tmp_path / "backup.age", tmp_path / "identity")

    after = _rows(server, empty)
    assert made.rows == {table: len(rows) for table, rows in before.items()}
    assert made.rows["payments"] == 2 * (PAYMENTS + 1)
    assert {table: after[table] for table in before if table != "audit_log"} == {
        table: rows for table, rows in before.items() if table != "audit_log"
    }


def test_a_backup_that_does_not_say_that_policies_apply_is_refused_and_not_half(
    server: Server, filled: Logins, tmp_path: Path
) -> None:
    taken = server.dump(filled, tmp_path / "dump")

    assert taken.returncode != 0
    assert "row-level security" in taken.stderr


@pytest.mark.parametrize(
    ("damage", "is_refused"),
    [
        ("DROP POLICY backup_reads ON mx.sync_state", False),
        ("REVOKE SELECT ON mx.quarantine FROM mx_backup", True),
        ("REVOKE SELECT ON SEQUENCE mx.sync_runs_run_id_seq FROM mx_backup", True),
    ],
)
def test_a_backup_without_a_table_is_noticed(
    server: Server,
    filled: Logins,
    tmp_path: Path,
    damage: str,
    is_refused: bool,  # noqa: FBT001
) -> None:
    """The guard of the test above: what it compares does differ where a table stays out."""
    with (
        closing(psycopg2.connect(_as_superuser(server, filled))) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(damage)
        connection.commit()

    taken = server.dump(filled, tmp_path / "dump", "--enable-row-security")

    assert (taken.returncode != 0) == is_refused, taken.stderr
    if not is_refused:
        empty = server.create_database("half")
        assert server.restore(empty, tmp_path / "dump").returncode == 0
        assert (len(_rows(server, filled)["sync_state"]), len(_rows(server, empty)["sync_state"])) == (2, 0)


def _fill(server: Server, logins: Logins) -> None:
    with (
        closing(psycopg2.connect(_as_superuser(server, logins))) as connection,
        connection.cursor() as cursor,
    ):
        fill(cursor)
        cursor.execute(MORE_PAYMENTS, (PAYMENTS,))
        cursor.execute(AN_OWNER, (ONE,))
        for sequence in ("sync_runs_run_id_seq", "sync_requests_request_id_seq"):
            cursor.execute(f"SELECT nextval('mx.{sequence}')")
        connection.commit()


def _rows(server: Server, logins: Logins) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as the superuser sees them."""
    with (
        closing(psycopg2.connect(_as_superuser(server, logins))) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SET TimeZone = 'UTC'")
        cursor.execute(TABLES)
        rows = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT to_jsonb(t) FROM mx.{table} AS t ORDER BY t::text")
            rows[table] = [row for (row,) in cursor]
        return rows


def _as_superuser(server: Server, logins: Logins) -> str:
    return text_of(server.superuser.set(database=logins.admin.database))
