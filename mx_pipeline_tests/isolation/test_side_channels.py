"""S12: what one tenant's statements can be made to tell of another's rows besides showing them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from mx_pipeline.warehouse.logins import APP_ROLE, LOADER_ROLE
from mx_pipeline_tests.isolation.rows import ONE, OTHER, fill

SECRET = 4_242
"""An amount that only the other merchant has."""
SPY = """
    CREATE FUNCTION pg_temp.spy(anything text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
    'BEGIN RAISE NOTICE ''saw %'', anything; RETURN true; END'"""


class Reader:
    """A real session of a role inside the one merchant."""

    def __init__(self, connection: Any) -> None:
        self.connection, self.cursor = connection, connection.cursor()

    def refusal(self, statement: str) -> tuple[str, str]:
        """The state and the first words of the error."""
        self.cursor.execute("SAVEPOINT attempt")
        with pytest.raises(psycopg2.Error) as refused:
            self.cursor.execute(statement)
        self.cursor.execute("ROLLBACK TO SAVEPOINT attempt")
        return str(refused.value.pgcode), str(refused.value.diag.message_primary)

    def rows(self, statement: str) -> list[Any]:
        self.cursor.execute(statement)
        return self.cursor.fetchall()


@pytest.fixture
def filled(warehouse: Any) -> Any:
    """Two merchants; an invoice and an amount that only the other one has."""
    url = warehouse.logins.admin.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        fill(cursor)
        cursor.execute("DELETE FROM mx.payment_history")
        cursor.execute("UPDATE mx.payments SET amount = %s WHERE merchant_id = %s", (SECRET, OTHER))
        cursor.execute(
            "INSERT INTO mx.invoice_documents (merchant_id, mx_invoice_id, invoice_number, observed_at)"
            " VALUES (%s, 77, 77, now())",
            (OTHER,),
        )
        cursor.execute("ANALYZE")
    return warehouse


@pytest.fixture(params=[LOADER_ROLE, APP_ROLE])
def reader(filled: Any, request: pytest.FixtureRequest) -> Iterator[Reader]:
    url = filled.logins.url(request.param).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection:
        opened = Reader(connection)
        entered = (
            f"mx.enter('{ONE}', 'operator')"
            if request.param == APP_ROLE
            else f"set_config('mx.merchant_id', '{ONE}', true)"
        )
        opened.rows(f"SELECT {entered}")
        yield opened


@pytest.fixture
def loader(filled: Any) -> Iterator[Reader]:
    url = filled.logins.url(LOADER_ROLE).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection:
        opened = Reader(connection)
        opened.rows(f"SELECT set_config('mx.merchant_id', '{ONE}', true)")
        yield opened


def test_s12_a_reference_tells_not_whether_another_has_it(loader: Reader) -> None:
    link = (
        f"INSERT INTO mx.payment_invoices (merchant_id, mx_payment_id, position, mx_invoice_id, basis)"
        f" VALUES ({ONE}, 1, 9, %s, 'number')"
    )

    theirs, nobodys = loader.refusal(link % 77), loader.refusal(link % 78)

    assert theirs == nobodys
    assert theirs[0] == "23503"


def test_s12_a_unique_key_tells_not_whether_another_has_it(loader: Reader) -> None:
    """The policy answers before the key is looked at, also where nothing was to happen on a conflict."""
    row = (
        "INSERT INTO mx.payments (merchant_id, mx_payment_id, created, amount, status, payload, observed_at)"
        f" VALUES ({OTHER}, %s, now(), 1, 'x', '{{}}', now()) %s"
    )

    told = {
        loader.refusal(row % (mx_id, end))
        for mx_id in (1, 99)
        for end in (
            "",
            "ON CONFLICT DO NOTHING",
            "ON CONFLICT (merchant_id, mx_payment_id) DO UPDATE SET amount = 1",
        )
    }

    assert {state for state, _ in told} == {"42501"}
    assert all("4242" not in words for _, words in told)


@pytest.mark.parametrize("relation", ["mx.payments", "mx.number_evidence"])
def test_s12_a_function_that_may_leak_sees_no_row_that_the_policy_hides(
    loader: Reader, relation: str
) -> None:
    loader.cursor.execute(SPY)

    loader.rows(f"SELECT count(*) FROM {relation} AS t WHERE pg_temp.spy(t.merchant_id || ' ' || t::text)")

    saw = [line for line in loader.connection.notices if "saw" in line]
    assert saw
    assert [line for line in saw if str(OTHER) in line or str(SECRET) in line] == []


@pytest.mark.parametrize("relation", ["mx.payments", "mx.transactions"])
def test_s12_an_error_in_a_filter_comes_from_no_row_that_the_policy_hides(
    reader: Reader, relation: str
) -> None:
    if relation == "mx.transactions" and reader.connection.info.user == LOADER_ROLE:
        relation = "mx.enriched_transactions AS t JOIN mx.payments USING (merchant_id, mx_payment_id)"

    (count,) = reader.rows(f"SELECT count(*) FROM {relation} WHERE 1 / (amount - {SECRET}) IS NOT NULL")[0]

    assert count == 1


def test_s12_statistics_show_no_value_of_a_table_with_policies(reader: Reader) -> None:
    tenant_tables = "SELECT relname FROM pg_class WHERE relnamespace = 'mx'::regnamespace AND relrowsecurity"

    shown = reader.rows(f"SELECT tablename, attname FROM pg_stats WHERE tablename IN ({tenant_tables})")

    assert shown == []


def test_s12_a_measured_plan_counts_rows_of_this_merchant_alone(reader: Reader) -> None:
    """By its index; where Postgres reads a whole table, `Rows Removed by Filter` is that of all tenants together."""
    reader.cursor.execute("SET LOCAL enable_seqscan = off")

    plan = "\n".join(
        row[0]
        for row in reader.rows("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) SELECT amount FROM mx.payments")
    )

    assert "Index Cond: (merchant_id = " in plan
    assert "Removed by Filter" not in plan
    assert str(SECRET) not in plan
    assert str(OTHER) not in plan


def test_s12_copy_into_a_table_with_policies_is_refused_and_by_a_temporary_one_the_policy_holds(
    loader: Reader,
) -> None:
    columns = "merchant_id, mx_payment_id, created, amount, status, payload, observed_at"
    row = f"{OTHER}\t5\t2026-03-01\t1\tx\t{{}}\t2026-03-01\n"
    loader.cursor.execute("SAVEPOINT attempt")

    with pytest.raises(psycopg2.Error) as refused:
        loader.cursor.copy_expert(f"COPY mx.payments ({columns}) FROM STDIN", io.StringIO(row))
    loader.cursor.execute("ROLLBACK TO SAVEPOINT attempt")
    loader.cursor.execute(
        f"CREATE TEMPORARY TABLE page ON COMMIT DROP AS SELECT {columns} FROM mx.payments LIMIT 0"
    )
    loader.cursor.copy_expert(f"COPY page ({columns}) FROM STDIN", io.StringIO(row))
    state, _ = loader.refusal(f"INSERT INTO mx.payments ({columns}) SELECT {columns} FROM page")

    assert refused.value.pgcode == "0A000"
    assert state == "42501"


def test_s12_a_comparison_that_postgres_does_not_trust_waits_behind_the_policy(loader: Reader) -> None:
    """An instant and a date, for one: right, but slow under policies, since no index may answer it. So our
    statements compare instants with instants."""
    trusted = loader.rows(
        "SELECT oprright::regtype::text, proleakproof FROM pg_operator JOIN pg_proc ON pg_proc.oid = oprcode"
        " WHERE oprname = '>=' AND oprleft = 'timestamptz'::regtype"
        "   AND oprright IN ('timestamptz'::regtype, 'date'::regtype)"
    )
    plan = "EXPLAIN (COSTS OFF) SELECT FROM mx.payments WHERE created >= '2026-01-01'::date"

    shown = "\n".join(row[0] for row in loader.rows(plan))

    assert dict(trusted) == {"timestamp with time zone": True, "date": False}
    assert not any("Index Cond" in line and "created" in line for line in shown.splitlines())
