"""The warehouse with its tables hash-partitioned by merchant: the same loads, the same isolation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import make_url

from mx_pipeline.sealing import SealingKey
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.dispatching import waiting_requests
from mx_pipeline.warehouse.due import due_merchants
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline.warehouse.merchants import merchant_states
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.warehouse.partitioned import PARTITIONS, partition

OTHERS = range(MERCHANT + 1, MERCHANT + 4)
NOT_BY_MERCHANT = """
    SELECT format('%s of %s', index.relname, tenants.relname)
      FROM pg_index
      JOIN pg_class AS tenants ON tenants.oid = pg_index.indrelid
      JOIN pg_class AS index ON index.oid = pg_index.indexrelid
      JOIN pg_attribute AS first ON first.attrelid = tenants.oid AND first.attnum = pg_index.indkey[0]
     WHERE tenants.relkind = 'p' AND pg_index.indisunique AND first.attname <> 'merchant_id'
"""
PARTITIONED = "SELECT relname FROM pg_class WHERE relkind = 'p' AND relnamespace = 'mx'::regnamespace"
IN_A_PARTITION = """
    SELECT count(*) FROM mx.payments WHERE tableoid = CAST(:part AS regclass) AND merchant_id = :merchant
"""


@pytest.fixture
def database_url(database_url: str) -> str:
    partition(database_url)
    return database_url


@pytest.fixture
def warehouse(database_url: str, sealing_key: SealingKey) -> Iterator[WarehouseUnderTest]:
    under_test = WarehouseUnderTest(Logins(make_url(database_url).set(drivername=DRIVER), sealing_key))
    yield under_test
    under_test.close()


def test_syncs_on_tables_in_sixteen_partitions_load_change_and_prove_the_same(
    a_clinic: Callable[..., Clinic], mx: SyntheticMx, warehouse: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=120)
    neighbours = [a_clinic(other, payments=15) for other in OTHERS]

    first = [one.sync("full") for one in (clinic, *neighbours)]
    unchanged = clinic.sync("incremental")
    again = clinic.sync("full")
    mx.receives(MERCHANT, payments=7)
    changed = clinic.sync("incremental")
    latest = clinic.sync(latest=20)

    assert {(one.outcome, one.message) for one in (*first, unchanged, again, changed, latest)} == {
        ("success", "")
    }
    assert [one.stats["inserted"] != 0 for one in (*first, unchanged, again)] == [True] * 4 + [False] * 2
    assert [one.stats["updated"] for one in (unchanged, again)] == [0, 0]
    assert {made.verdict for one in (*first, again, changed) for made in one.certificates} == {"agrees"}
    assert [one.differences() for one in (clinic, *neighbours)] == [[]] * 4
    partitioned = {name for (name,) in warehouse.rows(PARTITIONED)}
    assert {
        "payments",
        "invoice_documents",
        "enriched_transactions",
        "sync_runs",
        "certificates",
    } < partitioned
    assert warehouse.rows(NOT_BY_MERCHANT) == []
    held = [
        warehouse.value(IN_A_PARTITION, part=f"mx.payments_p{place}", merchant=MERCHANT)
        for place in range(PARTITIONS)
    ]
    assert sorted(held)[-2:] == [0, 127], "a merchant is whole in one partition"


def test_no_partition_shows_a_tenant_more_than_its_table_does(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    clinics = [a_clinic(merchant, payments=5) for merchant in (MERCHANT, *OTHERS)]
    for clinic in clinics:
        clinic.sync("full")
    now = warehouse.value("SELECT now()")

    with warehouse.loader.merchant(MERCHANT) as tenant:
        seen = tenant.connection.exec_driver_sql(
            "SELECT DISTINCT merchant_id FROM mx.payments UNION SELECT merchant_id FROM mx.sync_runs"
        ).all()
    with warehouse.loader.everyone() as session:
        nobody = session.connection.exec_driver_sql("SELECT count(*) FROM mx.payments").scalar()
    with warehouse.dispatcher.everyone() as session:
        states = [row.merchant_id for row in merchant_states(session)]
        due = due_merchants(session, now=now + timedelta(hours=2))
        waiting = waiting_requests(session, most=10)

    assert (seen, nobody) == ([(MERCHANT,)], 0)
    assert (states, len(due), list(waiting)) == ([MERCHANT, *OTHERS], 4, [])
    for role in (warehouse.loader, warehouse.app, warehouse.dispatcher):
        with pytest.raises(Exception, match="permission denied"), role.merchant(MERCHANT) as tenant:
            tenant.connection.exec_driver_sql("SELECT count(*) FROM mx.payments_p0")
    warehouse.damage("GRANT SELECT ON ALL TABLES IN SCHEMA mx TO mx_loader")
    with warehouse.loader.merchant(MERCHANT) as tenant:
        strangers = [
            tenant.connection.exec_driver_sql(
                f"SELECT count(*) FROM mx.payments_p{place} WHERE merchant_id <> {MERCHANT}"
            ).scalar()
            for place in range(PARTITIONS)
        ]
    assert strangers == [0] * PARTITIONS
