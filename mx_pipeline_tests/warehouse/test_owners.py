"""Owners of old: the configuration names them, and the source document's own INSERT takes them over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.warehouse.migrations import migration_sql
from mx_pipeline_tests.fakes.people import has_person
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

SOURCE_DOCUMENT = """
INSERT INTO user_tenant_permissions (user_id, merchant_id, role, granted_by, granted_at)
SELECT 
  user_id, 
  merchant_id, 
  'tenant_owner',
  user_id, -- Self-granted
  created_at
FROM mx_merchant_configs 
WHERE is_active = true;
"""  # noqa: W291 # as it stands there
OWNER = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
def before_people(postgres: EmbeddedPostgres, template: str) -> Iterator[Any]:
    """A database as it was before there were people, with a merchant that names an owner and one that does not."""
    name = "before_people"
    with closing(psycopg2.connect(postgres.create_database(name))) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA mx AUTHORIZATION mx_owner; SET ROLE mx_owner")
            for number in ("0001", "0002", "0003", "0004"):
                cursor.execute(migration_sql(number))
            cursor.execute(
                """INSERT INTO mx.mx_merchant_configs
                          (merchant_id, name, environment, timezone, consumer_key, consumer_secret,
                           sealing_key_id, user_id)
                   VALUES (1, 'One', 'sandbox', 'UTC', '', '', 'x', %s),
                          (2, 'Two', 'sandbox', 'UTC', '', '', 'x', NULL)""",
                (OWNER,),
            )
        yield connection
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_the_source_documents_insert_runs_as_it_stands(warehouse: WarehouseUnderTest) -> None:
    owner = has_person(warehouse, "owner@clinic.example")
    for merchant_id in (MERCHANT, MERCHANT + 1, MERCHANT + 2):
        warehouse.has_merchant(merchant_id)
    warehouse.damage(
        "UPDATE mx.mx_merchant_configs SET user_id = CAST(:owner AS uuid) WHERE merchant_id <> :nobodys",
        owner=owner,
        nobodys=MERCHANT + 1,
    )
    warehouse.damage(
        "UPDATE mx.mx_merchant_configs SET is_active = false WHERE merchant_id = :paused", paused=MERCHANT + 2
    )

    warehouse.damage("SET LOCAL search_path = mx; " + SOURCE_DOCUMENT)

    assert warehouse.rows(
        "SELECT merchant_id, user_id::text, role, granted_by::text, is_active FROM mx.user_tenant_permissions"
    ) == [(MERCHANT, owner, "tenant_owner", owner, True)]


def test_owners_that_were_there_before_people_are_kept_and_cannot_log_in(before_people: Any) -> None:
    with before_people, before_people.cursor() as cursor:
        cursor.execute("SET ROLE mx_owner")
        cursor.execute(migration_sql("0005"))
        cursor.execute(
            "SELECT merchant_id, user_id::text, access_check FROM mx.mx_merchant_configs ORDER BY 1"
        )
        configurations = cursor.fetchall()
        cursor.execute("SELECT id::text, is_active FROM mx.users")
        people = cursor.fetchall()

    assert configurations == [(1, OWNER, "owner"), (2, None, "permissions")]
    assert people == [(OWNER, False)]
