"""S8: a rule that cannot be broken proves nothing, so each is broken once, and names what broke it."""

from __future__ import annotations

from typing import Any

import pytest

from mx_pipeline_tests.isolation.rules import RULES

BARE = "CREATE TABLE mx.forgotten (merchant_id bigint NOT NULL, note text)"
PROTECTED = f"""
    {BARE};
    ALTER TABLE mx.forgotten OWNER TO mx_owner;
    ALTER TABLE mx.forgotten ENABLE ROW LEVEL SECURITY;
    ALTER TABLE mx.forgotten FORCE ROW LEVEL SECURITY;
    GRANT SELECT ON mx.forgotten TO mx_app"""
A_FUNCTION = "CREATE FUNCTION mx.forgotten() RETURNS integer LANGUAGE sql"
BREAKS = [
    ("tables outside of the schema mx", "CREATE TABLE public.forgotten (merchant_id bigint)", "public.forgotten"),
    ("a tenant table without forced row-level security", BARE, "mx.forgotten"),
    (
        "a tenant table without forced row-level security",
        f"{BARE}; ALTER TABLE mx.forgotten ENABLE ROW LEVEL SECURITY",
        "mx.forgotten",
    ),
    (
        "a tenant table without forced row-level security",
        ("CREATE TABLE mx.parted (merchant_id bigint NOT NULL) PARTITION BY LIST (merchant_id);"
        " ALTER TABLE mx.parted ENABLE ROW LEVEL SECURITY; ALTER TABLE mx.parted FORCE ROW LEVEL SECURITY;"
        " CREATE TABLE mx.forgotten PARTITION OF mx.parted DEFAULT"),
        "mx.forgotten",
    ),
    (
        "a tenant table without forced row-level security",
        "ALTER TABLE mx.payments NO FORCE ROW LEVEL SECURITY",
        "mx.payments",
    ),
    (
        "a tenant table without forced row-level security",
        "ALTER TABLE mx.payments DISABLE ROW LEVEL SECURITY",
        "mx.payments",
    ),
    ("a tenant table whose merchant may be left out", "CREATE TABLE mx.forgotten (merchant_id bigint)", "mx.forgotten"),
    ("a table without a tenant", "CREATE TABLE mx.forgotten (note text)", "mx.forgotten"),
    (
        "a foreign table",
        ("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
        " CREATE FOREIGN TABLE mx.forgotten (merchant_id bigint) SERVER s"),
        "mx.forgotten",
    ),
    ("a materialized view", "CREATE MATERIALIZED VIEW mx.forgotten AS SELECT * FROM mx.payments", "mx.forgotten"),
    (
        "a view that reads with its owner's rights",
        "CREATE VIEW mx.forgotten AS SELECT * FROM mx.payments",
        "mx.forgotten",
    ),
    (
        "a view that reads with its owner's rights",
        "ALTER VIEW mx.transactions RESET (security_invoker)",
        "mx.transactions",
    ),
    (
        "a view for investors that leaks",
        "CREATE VIEW mx.investor_all AS SELECT * FROM mx.payments",
        "mx.investor_all",
    ),
    ("owned by another than mx_owner", BARE, "mx.forgotten"),
    ("owned by another than mx_owner", f"{A_FUNCTION} AS 'SELECT 1'", "mx.forgotten()"),
    ("a tenant table that does not restrict a role to its merchant", PROTECTED, "mx.forgotten for mx_app"),
    (
        "a tenant table that does not restrict a role to its merchant",
        (f"{PROTECTED}; CREATE POLICY app ON mx.forgotten TO mx_app"
        " USING (merchant_id = (SELECT mx.current_merchant()))"),
        "mx.forgotten for mx_app",
    ),
    (
        "a tenant table that does not restrict a role to its merchant",
        (f"{PROTECTED}; CREATE POLICY app ON mx.forgotten AS RESTRICTIVE FOR SELECT TO mx_app"
        " USING (merchant_id = (SELECT mx.current_merchant()))"),
        "mx.forgotten for mx_app",
    ),
    (
        "a tenant table that does not restrict a role to its merchant",
        "ALTER POLICY only_this_merchant ON mx.payments USING (true)",
        "mx.payments for mx_loader",
    ),
    (
        "a tenant table that does not restrict a role to its merchant",
        "DROP POLICY only_this_merchant ON mx.payments",
        "mx.payments for mx_loader",
    ),
    (
        "a tenant table that does not restrict a role to its merchant",
        "DROP POLICY only_what_may_be_read ON mx.payments",
        "mx.payments for mx_app",
    ),
    (
        "a tenant table that does not restrict a role to its merchant",
        ("ALTER POLICY only_what_may_be_read ON mx.payments USING"
        " (merchant_id = nullif(current_setting('mx.may_enter', true), '')::bigint)"),
        "mx.payments for mx_app",
    ),
    (
        "a tenant table that does not restrict a role to its merchant",
        "GRANT SELECT (amount) ON mx.payments TO mx_dispatcher",
        "mx.payments for mx_dispatcher",
    ),
    (
        "a tenant table that does not restrict a role to its merchant",
        "ALTER POLICY only_granted_merchants ON mx.payments USING (merchant_id = (SELECT mx.current_merchant()))",
        "mx.payments for mx_analyst",
    ),
    (
        "a tenant table that does not restrict a role to its merchant",
        ("ALTER POLICY only_granted_merchants ON mx.payment_people"
        " USING (merchant_id = ANY ((SELECT mx.merchants_of_login('data'))::bigint[]))"),
        "mx.payment_people for mx_analyst",
    ),
    (
        "a table that the owner of the investors' views reads of all",
        "ALTER POLICY aggregator_of_granted_merchants ON mx.payments USING (true)",
        "mx.payments",
    ),
    (
        "a table that the owner of the investors' views reads of all",
        "CREATE POLICY more ON mx.payments FOR SELECT TO mx_aggregator USING (true)",
        "mx.payments",
    ),
    (
        "a table that the owner of the investors' views reads of all",
        "GRANT SELECT (merchant_id) ON mx.invoice_purchases TO mx_aggregator",
        "mx.invoice_purchases",
    ),
    ("a policy for everyone", "CREATE POLICY all_see ON mx.payments USING (true)", "mx.payments all_see"),
    ("a table that no backup contains", PROTECTED, "mx.forgotten"),
    (
        "a table that no backup contains",
        f"{PROTECTED}; GRANT SELECT ON mx.forgotten TO mx_backup",
        "mx.forgotten",
    ),
    ("a table that no backup contains", "CREATE SEQUENCE mx.forgotten", "mx.forgotten"),
    ("a table that no backup contains", "DROP POLICY backup_reads ON mx.payments", "mx.payments"),
    ("a tenant table whose rows no migration could change", PROTECTED, "mx.forgotten"),
    (
        "a key that does not begin with the merchant",
        f"{BARE}; CREATE UNIQUE INDEX one_note ON mx.forgotten (note)",
        "mx.forgotten mx.one_note",
    ),
    (
        "a key that does not begin with the merchant",
        f"{BARE}; ALTER TABLE mx.forgotten ADD CONSTRAINT one_note UNIQUE (note, merchant_id)",
        "mx.forgotten mx.one_note",
    ),
    (
        "a reference that may cross tenants",
        ("ALTER TABLE mx.certificates ADD request_id uuid,"
        " ADD CONSTRAINT crossing FOREIGN KEY (request_id) REFERENCES mx.mx_merchant_configs (id)"),
        "mx.certificates crossing",
    ),
    (
        "a privilege that row-level security does not cover",
        "GRANT TRUNCATE ON mx.payments TO mx_loader",
        "mx.payments TRUNCATE for mx_loader",
    ),
    (
        "a privilege that row-level security does not cover",
        "GRANT REFERENCES (mx_payment_id) ON mx.payments TO mx_app",
        "mx.payments REFERENCES for mx_app",
    ),
    (
        "a privilege that row-level security does not cover",
        "GRANT SELECT ON SEQUENCE mx.sync_runs_run_id_seq TO mx_app",
        "mx.sync_runs_run_id_seq SELECT for mx_app",
    ),
    (
        "a privilege that row-level security does not cover",
        "GRANT SELECT ON mx.payments TO mx_app WITH GRANT OPTION",
        "mx.payments SELECT for mx_app",
    ),
    ("a privilege of everyone", "GRANT SELECT (amount) ON mx.payments TO PUBLIC", "mx.payments SELECT"),
    ("a privilege of everyone", "GRANT USAGE ON SCHEMA mx TO PUBLIC", "mx USAGE"),
    ("a privilege of everyone", f"{A_FUNCTION} AS 'SELECT 1'", "mx.forgotten() EXECUTE"),
    (
        "a privilege that new objects get by themselves",
        "ALTER DEFAULT PRIVILEGES FOR ROLE mx_owner IN SCHEMA mx GRANT SELECT ON TABLES TO mx_app",
        "mx_owner gives SELECT to mx_app",
    ),
    (
        "a table without a tenant that a role may touch",
        "GRANT SELECT ON mx.credential_budgets TO mx_app",
        "mx.credential_budgets for mx_app",
    ),
    ("a function with an open search_path", f"{A_FUNCTION} AS 'SELECT 1'", "mx.forgotten()"),
    (
        "a function with an open search_path",
        f"{A_FUNCTION} SET search_path = pg_catalog, public AS 'SELECT 1'",
        "mx.forgotten()",
    ),
    (
        "a function with an open search_path",
        f"{A_FUNCTION} SECURITY DEFINER SET search_path = pg_catalog, mx AS 'SELECT 1'",
        "mx.forgotten()",
    ),
    (
        "a function with its owner's rights",
        f"{A_FUNCTION} SECURITY DEFINER SET search_path = pg_catalog, mx, pg_temp AS 'SELECT 1'",
        "mx.forgotten()",
    ),
    ("a function that claims to leak nothing", f"{A_FUNCTION} LEAKPROOF AS 'SELECT 1'", "mx.forgotten()"),
    (
        "a rule that rewrites statements",
        "CREATE RULE forgotten AS ON DELETE TO mx.payments DO ALSO NOTIFY gone",
        "mx.payments forgotten",
    ),
    (
        "a trigger by a function from elsewhere",
        ("CREATE FUNCTION public.spy() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " CREATE TRIGGER spy BEFORE INSERT ON mx.payments FOR EACH ROW EXECUTE FUNCTION public.spy()"),
        "mx.payments spy",
    ),
    ("a publication", "CREATE PUBLICATION everything FOR ALL TABLES", "everything"),
    ("a role with a power", "ALTER ROLE mx_app BYPASSRLS", "mx_app"),
    ("a role with a power", "ALTER ROLE mx_loader CREATEROLE", "mx_loader"),
    ("a role that may become another", "GRANT mx_owner TO mx_loader", "mx_loader as mx_owner"),
    ("a role that may become another", "GRANT pg_read_all_data TO mx_app", "mx_app as pg_read_all_data"),
    (
        "a role that nobody has heard of",
        "CREATE ROLE stranger; GRANT SELECT (amount) ON mx.payments TO stranger",
        "stranger",
    ),
    (
        "a setting that comes with a login",
        "ALTER ROLE mx_app SET mx.merchant_id = '1000000001'",
        "mx_app mx.merchant_id=1000000001",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "statement", "name"), BREAKS)
def test_s8_a_rule_finds_what_breaks_it(scratch: Any, rule: str, statement: str, name: str) -> None:
    with scratch.cursor() as cursor:
        try:
            cursor.execute(RULES[rule])
            before = {found for (found,) in cursor}
            cursor.execute(statement)
            cursor.execute(RULES[rule])
            after = {found for (found,) in cursor}
        finally:
            scratch.rollback()

    assert name in after - before


def test_s8_no_rule_was_left_unbroken() -> None:
    assert {rule for rule, _, _ in BREAKS} == set(RULES)
