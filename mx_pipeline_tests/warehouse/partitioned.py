"""The schema that a human reads, its tenant tables hash-partitioned by merchant: three words more a table."""

from __future__ import annotations

import re

import psycopg2

from mx_pipeline.warehouse.statements import sql_text

PARTITIONS = 16
TABLE = re.compile(r"^CREATE TABLE mx\.(\w+) \(\n(.*?)\n\);", re.MULTILINE | re.DOTALL)
SMALL = frozenset(
    {"mx_merchant_configs", "user_tenant_permissions", "invitations", "audit_log", "sql_logins"}
)
"""A row or a few for each merchant, looked up by other keys as well, and the audit chain, which nobody may rewrite."""
MAKE_PARTITIONS = """
DO $$
DECLARE
    parent regclass;
    part text;
BEGIN
    FOR parent IN SELECT oid FROM pg_class WHERE relkind = 'p' AND relnamespace = 'mx'::regnamespace LOOP
        FOR place IN 0..{last} LOOP
            part := format('mx.%I', (SELECT relname FROM pg_class WHERE oid = parent) || '_p' || place);
            EXECUTE format('CREATE TABLE %s PARTITION OF %s FOR VALUES WITH (MODULUS {all}, REMAINDER %s)',
                           part, parent, place);
            -- Nobody goes to a partition but through its table; should somebody be let, it is empty to them.
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part);
            EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', part);
            EXECUTE format('CREATE POLICY only_this_merchant ON %s AS RESTRICTIVE'
                           ' USING (merchant_id = (SELECT mx.current_merchant()))', part);
        END LOOP;
    END LOOP;
END $$
"""


def partitioned_schema() -> str:
    """`schema.sql` with PARTITION BY HASH (merchant_id) at every tenant table but the small ones."""

    def declared(found: re.Match[str]) -> str:
        name, columns = found.groups()
        is_tenants = re.match(r"\s+merchant_id\s+bigint", columns) and name not in SMALL
        return f"{found[0][:-1]} PARTITION BY HASH (merchant_id);" if is_tenants else found[0]

    return TABLE.sub(declared, sql_text("schema.sql"))


def partition(database_url: str) -> None:
    """In place of the schema of this migrated database, which holds nothing yet."""
    connection = psycopg2.connect(database_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                """
                CREATE SCHEMA kept;
                ALTER TABLE mx.alembic_version SET SCHEMA kept;
                ALTER TABLE mx.migration_checksums SET SCHEMA kept;
                SET client_min_messages = warning;
                DROP SCHEMA mx CASCADE;
                CREATE SCHEMA mx AUTHORIZATION mx_owner;
                SET ROLE mx_owner
                """
            )
            cursor.execute(partitioned_schema())
            cursor.execute(MAKE_PARTITIONS.format(last=PARTITIONS - 1, all=PARTITIONS))
            cursor.execute(
                """
                RESET ROLE;
                ALTER TABLE kept.alembic_version SET SCHEMA mx;
                ALTER TABLE kept.migration_checksums SET SCHEMA mx
                """
            )
    finally:
        connection.close()
