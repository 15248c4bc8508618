"""S11: logged in as each role, for real, nobody becomes another, and no switch turns the policies off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import psycopg2
import pytest

from mx_pipeline.errors import UnsafeConnection
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import GROUP_ROLES, LOADER_ROLE, LOGIN_ROLES, OWNER_ROLE
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.isolation.rows import ONE, OTHER, fill

Attempt = Callable[[str], str | int]
OTHERS = (*LOGIN_ROLES, *GROUP_ROLES, OWNER_ROLE, "postgres", "pg_read_all_data", "pg_write_all_data")
REFUSED = "42501"
OF_THE_OWNER = (
    "ALTER TABLE mx.payments DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE mx.payments NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY only_this_merchant ON mx.payments",
    "CREATE POLICY everything ON mx.payments USING (true)",
    "ALTER VIEW mx.transactions RESET (security_invoker)",
    "CREATE OR REPLACE FUNCTION mx.current_merchant() RETURNS bigint LANGUAGE sql AS 'SELECT 1000000002'",
    "ALTER FUNCTION mx.current_merchant() RESET search_path",
    "CREATE TABLE mx.mine (merchant_id bigint)",
    "CREATE TABLE public.mine (merchant_id bigint)",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE PUBLICATION mine FOR TABLE mx.payments",
    "COPY mx.payments TO PROGRAM 'cat'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT lo_import('/etc/passwd')",
    "SET session_replication_role = replica",
    "LOAD 'auto_explain'",
    "DELETE FROM mx.migration_checksums",
)
EVERY_SECRET = "SELECT count(*) FROM mx.mx_merchant_configs WHERE consumer_key IS NOT NULL"


@pytest.fixture
def filled(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    """Two merchants with a row each in every table."""
    url = warehouse.logins.admin.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        fill(cursor)
    return warehouse


@contextmanager
def _logged_in(warehouse: WarehouseUnderTest, role: str) -> Iterator[Attempt]:
    """Runs statements of one session of that role, and tells the first value, or the state that refused it."""
    url = warehouse.logins.url(role).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True

        def attempt(statement: str) -> str | int:
            with connection.cursor() as cursor:
                try:
                    cursor.execute(statement)
                    return cursor.fetchone()[0] if cursor.description else "done"
                except psycopg2.Error as error:
                    return str(error.pgcode)

        yield attempt


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_s11_nobody_becomes_another_role(warehouse: WarehouseUnderTest, role: str) -> None:
    with _logged_in(warehouse, role) as attempt:
        became = [
            other
            for other in OTHERS
            if other != role
            and (attempt(f"SET ROLE {other}"), attempt(f"SET SESSION AUTHORIZATION {other}"))
            != (REFUSED, REFUSED)
        ]
        attempt("RESET ROLE")
        attempt("RESET SESSION AUTHORIZATION")

        assert became == []
        assert attempt("SELECT session_user || ' ' || current_user") == f"{role} {role}"


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_s11_turning_row_security_off_refuses_the_statement_and_shows_nothing(
    filled: WarehouseUnderTest, role: str
) -> None:
    with _logged_in(filled, role) as attempt:
        assert attempt("SET row_security = off") == "done"
        for table in ("payments", "sync_requests", "mx_merchant_configs", "audit_log"):
            assert attempt(f"SELECT count(merchant_id) FROM mx.{table}") == REFUSED


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_s11_what_is_the_owners_is_refused(warehouse: WarehouseUnderTest, role: str) -> None:
    with _logged_in(warehouse, role) as attempt:
        done = [statement for statement in OF_THE_OWNER if attempt(statement) != REFUSED]
        powers = [attempt(f"ALTER ROLE {role} {power}") for power in ("BYPASSRLS", "SUPERUSER", "CREATEROLE")]

    assert done == []
    assert powers == [REFUSED] * 3


def test_s11_no_login_can_give_itself_a_merchant_and_one_that_was_given_it_gets_nothing_done(
    filled: WarehouseUnderTest,
) -> None:
    database = filled.logins.admin.database
    with _logged_in(filled, LOADER_ROLE) as attempt:
        assert attempt(f"ALTER ROLE {LOADER_ROLE} SET mx.merchant_id = '{OTHER}'") == REFUSED
    filled.damage(f"ALTER ROLE {LOADER_ROLE} IN DATABASE {database} SET mx.merchant_id = '{OTHER}'")
    opened = Warehouse(filled.logins, LOADER_ROLE)

    with pytest.raises(UnsafeConnection), opened.merchant(ONE):
        pass

    opened.close()


def test_s11_only_the_loader_reads_a_sealed_key_and_only_of_its_merchant(filled: WarehouseUnderTest) -> None:
    seen: dict[str, Any] = {}
    for role in LOGIN_ROLES:
        with _logged_in(filled, role) as attempt:
            attempt(
                f"SELECT set_config('mx.merchant_id', '{ONE}', false), set_config('mx.user_id', 'operator', false)"
            )
            seen[role] = attempt(EVERY_SECRET)

    assert seen == {
        "mx_loader": 1, "mx_app": REFUSED, "mx_dispatcher": REFUSED, "mx_auditor": REFUSED, "mx_backup": 2,
        "mx_inbox": REFUSED,
    }  # fmt: skip
