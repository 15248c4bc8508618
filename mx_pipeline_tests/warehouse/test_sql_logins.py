"""People with SQL read their merchants and nothing else, whatever they type."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg2
import pytest

from mx_pipeline.errors import BadInput, UnknownMerchant
from mx_pipeline.records import Payment
from mx_pipeline.warehouse import sql_logins
from mx_pipeline.warehouse.loading import load_payments
from mx_pipeline.warehouse.sql_logins import SqlAccess
from mx_pipeline_tests.fakes.people_with_sql import PeopleWithSql, Person, people
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

__all__ = ["people"]

ONE, OTHER = 1_000_000_001, 1_000_000_002
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
INSUFFICIENT_PRIVILEGE = "42501"
NO_SUCH = ("42883", "58P01", "0A000", "42704")
"""No such function, no such extension's file, not supported: as good a refusal as any."""
FORBIDDEN = (
    "SELECT consumer_key FROM mx.mx_merchant_configs",
    "SELECT sealing_key_id FROM mx.mx_merchant_configs",
    "SELECT * FROM mx.mx_merchant_configs",
    "SELECT * FROM mx.sql_logins",
    "SELECT * FROM mx.quarantine",
    "SELECT * FROM mx.sync_requests",
    "SELECT * FROM mx.credential_budgets",
    "SELECT * FROM mx.investor_payments",
    "SELECT * FROM mx.investor_revenue_by_month",
    "INSERT INTO mx.sql_logins VALUES (1000000002, session_user, 'analyst', true, 'me')",
    "UPDATE mx.payments SET amount = 0",
    "DELETE FROM mx.payments",
    "TRUNCATE mx.payments",
    "UPDATE mx.transactions SET membership_status = 'paused'",
    "CREATE TABLE mx.mine (id int)",
    "CREATE FUNCTION mx.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OPERATOR mx.=== (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = int8eq)",
    "CREATE POLICY mine ON mx.payments USING (true)",
    "ALTER TABLE mx.payments DISABLE ROW LEVEL SECURITY",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "SET SESSION AUTHORIZATION mx_owner",
    "SET ROLE mx_owner",
    "SET ROLE mx_app",
    "SET ROLE mx_aggregator",
    "GRANT mx_owner TO CURRENT_USER",
    "COPY mx.payments TO PROGRAM 'cat'",
    "COPY mx.payments TO '/tmp/payments'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/x')",
    "SELECT nextval('mx.sync_runs_run_id_seq')",
    "SELECT last_value FROM mx.quarantine_quarantine_id_seq",
    "CREATE EXTENSION dblink",
    "SELECT dblink('dbname=postgres', 'SELECT 1')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT * FROM pg_statistic",
    "LOAD 'auto_explain'",
)
TRIED_ON = (
    "RESET ROLE",
    "SET ROLE mx_analyst",
    "SET ROLE NONE",
    "SET row_security = off",
    "SELECT set_config('mx.merchant_id', '1000000002', false)",
    "SELECT set_config('mx.user_id', 'operator', false)",
    "SELECT set_config('mx.may_enter', '1000000002', false)",
    "SELECT set_config('mx.may_read_payments', '1000000002', false)",
    "SELECT set_config('mx.may_read_names', '1000000002', false)",
    "SELECT mx.enter('1000000002', 'operator')",
    "SET session_replication_role = replica",
    "SET search_path = pg_temp, mx",
)
EVERY_RELATION = """
    SELECT format('mx.%I', relname) FROM pg_class
     WHERE relnamespace = 'mx'::regnamespace AND relkind IN ('r', 'v', 'm', 'p')
"""


@pytest.fixture
def two_merchants(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    """Two clinics that hold a payment each, with the same id, by a person each."""
    for merchant_id in (ONE, OTHER):
        warehouse.has_merchant(merchant_id)
        payment = Payment(
            payment_id=7,
            created=NOON,
            amount=Decimal(merchant_id % 10),
            status="Approved",
            customer_name=f"Patient of {merchant_id}",
        )
        with warehouse.loader.merchant(merchant_id) as tenant:
            load_payments(tenant, [payment], observed_at=NOON)
    return warehouse


def seen(person: Person) -> list[tuple[object, ...]]:
    return [tuple(row) for row in person.reads("SELECT merchant_id, amount FROM mx.payments")]


def test_an_analyst_reads_the_merchants_of_the_table(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    one, both = people.add(ONE), people.add(ONE, OTHER)

    assert seen(one) == [(ONE, 1)]
    assert sorted(seen(both)) == [(ONE, 1), (OTHER, 2)]
    assert one.reads("SELECT mx_payment_id, customer_name FROM mx.transactions") == [(7, None)]
    assert one.reads("SELECT count(*) FROM mx.invoices") == [(0,)]


def test_an_analyst_sees_names_only_where_they_were_given(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    with_names = people.add(ONE, sees_names=True)
    sql_logins.add(
        two_merchants.logins, with_names.name, SqlAccess("analyst"), [OTHER], granted_by="operator:test"
    )

    assert with_names.reads("SELECT merchant_id, customer_name FROM mx.transactions ORDER BY 1") == [
        (ONE, f"Patient of {ONE}"),
        (OTHER, None),
    ]
    assert with_names.reads("SELECT count(*) FROM mx.payment_people") == [(1,)]


def test_what_is_taken_away_or_has_ended_is_gone_at_the_next_statement(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    removed, ended = (
        people.add(ONE, OTHER),
        people.add(ONE, until=datetime.now(UTC).date() + timedelta(days=2)),
    )
    removed.reads("BEGIN")
    before = len(seen(removed)), len(seen(ended))

    assert sql_logins.remove(two_merchants.logins, removed.name, [OTHER], revoked_by="operator:test") == [
        OTHER
    ]
    only_one = seen(removed)
    assert sql_logins.remove(two_merchants.logins, removed.name, revoked_by="operator:test") == [ONE]
    two_merchants.damage("UPDATE mx.sql_logins SET expires_at = now() WHERE login = :name", name=ended.name)

    assert before == (2, 1)
    assert only_one == [(ONE, 1)]
    assert (seen(removed), seen(ended)) == ([], [])


def test_a_removed_login_cannot_log_in_and_comes_back_with_another_password(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    name, access = people.a_name(), SqlAccess("analyst")
    first = sql_logins.add(two_merchants.logins, name, access, [ONE], granted_by="operator:test")
    sql_logins.remove(two_merchants.logins, name, revoked_by="operator:test")

    with pytest.raises(psycopg2.OperationalError):
        people.logs_in(name, first or "")
    second = sql_logins.add(two_merchants.logins, name, access, [OTHER], granted_by="operator:test")

    assert second not in (None, first)
    assert seen(people.logs_in(name, second or "")) == [(OTHER, 2)]


def test_s11_an_analyst_is_refused(two_merchants: WarehouseUnderTest, people: PeopleWithSql) -> None:
    analyst = people.add(ONE)

    answers = {statement: analyst.is_refused(statement) for statement in FORBIDDEN}

    assert {code for code in answers.values() if code not in (INSUFFICIENT_PRIVILEGE, *NO_SUCH)} == set()


@pytest.mark.parametrize("statement", TRIED_ON)
def test_s11_no_setting_or_role_shows_more(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql, statement: str
) -> None:
    analyst = people.add(ONE)

    with suppress(psycopg2.errors.InsufficientPrivilege):
        analyst.reads(statement)
    try:
        rows = seen(analyst)
    except psycopg2.errors.InsufficientPrivilege:
        rows = []  # so Postgres answers whoever wants row_security off

    assert set(rows) <= {(ONE, 1)}
    assert analyst.reads("RESET row_security") == []
    assert seen(analyst) == [(ONE, 1)]


def test_s11_every_relation_shows_one_merchant_or_is_refused(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    analyst, investor = people.add(ONE), people.add(ONE, kind="investor")

    for (relation,) in two_merchants.rows(EVERY_RELATION):
        for person in (analyst, investor):
            try:
                rows = person.reads(f"SELECT merchant_id FROM {relation}")
            except psycopg2.Error as refused:
                assert refused.pgcode in (INSUFFICIENT_PRIVILEGE, "42703")  # noqa: PT017 # no such column
                continue
            assert {merchant_id for (merchant_id,) in rows} <= {ONE}, relation


def test_s11_an_investor_reads_views_of_figures_and_nothing_else(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    investor = people.add(ONE, kind="investor")
    readable = set()

    for (relation,) in two_merchants.rows(EVERY_RELATION):
        try:
            investor.reads(f"SELECT FROM {relation}")
        except psycopg2.Error as refused:
            assert refused.pgcode == INSUFFICIENT_PRIVILEGE  # noqa: PT017 # a loop over what is refused
            continue
        readable.add(relation)

    assert readable == {
        "mx.investor_revenue_by_month",
        "mx.investor_revenue_by_category",
        "mx.investor_revenue_by_product",
        "mx.investor_payments_by_month",
        "mx.investor_memberships",
    }


@pytest.mark.parametrize("relation", ["mx.payments", "mx.transactions", "mx.payment_people"])
def test_s12_a_function_of_ones_own_in_a_condition_is_shown_no_other_row(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql, relation: str
) -> None:
    analyst = people.add(ONE, sees_names=True)
    analyst.reads(
        """CREATE FUNCTION pg_temp.tell(anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0000001 AS
           $$ BEGIN RAISE NOTICE 'told %', $1; RETURN true; END $$"""
    )

    analyst.reads(f"SELECT 1 FROM {relation} AS them WHERE pg_temp.tell(them.merchant_id)")

    assert f"told {ONE}" in analyst.notices
    assert str(OTHER) not in analyst.notices


def test_s12_statistics_and_others_statements_are_hidden(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    two_merchants.damage("ANALYZE mx.payments")
    analyst, other = people.add(ONE), people.add(OTHER)
    other.reads("SELECT 'a secret of the other'")

    assert analyst.reads("SELECT * FROM pg_stats WHERE schemaname = 'mx'") == []
    assert analyst.reads("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%a secret of%other%'") == [
        (1,)
    ]
    assert analyst.reads("SELECT query FROM pg_stat_activity WHERE usename = %s", other.name) == [
        ("<insufficient privilege>",)
    ]


def test_a_temporary_table_cannot_stand_in_for_the_mapping(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    analyst = people.add(ONE)

    analyst.reads(
        f"""CREATE TEMPORARY TABLE sql_logins AS
            SELECT {OTHER}::bigint AS merchant_id, session_user::text AS login, 'analyst' AS kind,
                   true AS sees_names, NULL::timestamptz AS expires_at, true AS is_active"""
    )

    assert seen(analyst) == [(ONE, 1)]


@pytest.mark.parametrize(
    "name",
    ["mx_app", "postgres", "pg_monitor", "A", "x'; DROP ROLE mx_app; --", "anna b", 'a"b', "ab", "ünal"],
)
def test_s13_a_name_that_is_no_login_is_refused(two_merchants: WarehouseUnderTest, name: str) -> None:
    with pytest.raises(BadInput):
        sql_logins.add(two_merchants.logins, name, SqlAccess("analyst"), [ONE], granted_by="operator:test")


def test_a_role_that_was_not_made_here_is_left_alone(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    strange, strong = people.a_name(), people.a_name()
    two_merchants.damage(f"CREATE ROLE {strange} LOGIN")
    two_merchants.damage(f"CREATE ROLE {strong} LOGIN CREATEROLE IN ROLE mx_analyst")

    for name in (strange, strong):
        with pytest.raises(BadInput, match="not made here"):
            sql_logins.add(
                two_merchants.logins, name, SqlAccess("analyst"), [ONE], granted_by="operator:test"
            )


def test_an_unknown_merchant_gives_no_login(two_merchants: WarehouseUnderTest, people: PeopleWithSql) -> None:
    name = people.a_name()

    with pytest.raises(UnknownMerchant):
        sql_logins.add(two_merchants.logins, name, SqlAccess("analyst"), [ONE, 5], granted_by="operator:test")

    assert two_merchants.value("SELECT count(*) FROM pg_roles WHERE rolname = :name", name=name) == 0


def test_the_server_is_given_a_verifier_and_never_the_password(
    two_merchants: WarehouseUnderTest, people: PeopleWithSql
) -> None:
    name = people.a_name()

    password = sql_logins.add(
        two_merchants.logins, name, SqlAccess("analyst"), [ONE], granted_by="operator:test"
    )

    stored = two_merchants.value("SELECT rolpassword FROM pg_authid WHERE rolname = :name", name=name)
    assert password is not None
    assert stored.startswith("SCRAM-SHA-256$")
    assert password not in stored
