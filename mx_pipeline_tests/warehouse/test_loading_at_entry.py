"""A batch of invoices is merged by the statement that takes hold of the lease, and only where that may write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mx_pipeline.errors import WarehouseSlow
from mx_pipeline.warehouse.connections import LIMITS
from mx_pipeline.warehouse.leases import holding, take_lease
from mx_pipeline.warehouse.loading import Merged, loaded_at_entry, loading_invoice_details
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.warehouse.test_loading import NOON, a_detail

STORED = "SELECT mx_invoice_id FROM mx.invoice_documents ORDER BY 1"
STOP = "UPDATE mx.sync_leases SET stop = 'somebody cancelled it'"
PAUSE = "UPDATE mx.mx_merchant_configs SET is_active = false"
LOSE = "UPDATE mx.sync_leases SET token = token + 1"
LAND = "UPDATE mx.sync_leases SET batch = 'this one'"
HINDER = "CREATE FUNCTION mx.hinder() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NEW; END'"
HINDERED = (
    "CREATE TRIGGER hindered BEFORE INSERT ON mx.invoice_documents FOR EACH ROW EXECUTE FUNCTION mx.hinder()"
)
BATCH = [(a_detail(1), NOON), (a_detail(2), NOON)]


def a_lease(warehouse: WarehouseUnderTest) -> int:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT) as tenant:
        return take_lease(tenant, holder="test", batch="the first") or 0


def test_a_batch_is_written_as_its_transaction_begins(warehouse: WarehouseUnderTest) -> None:
    opening = holding(a_lease(warehouse), batch="this one", opening=loading_invoice_details(BATCH))

    with warehouse.loader.merchant(MERCHANT, opening=opening) as tenant:
        merged = loaded_at_entry(tenant, of=len(BATCH))

    assert merged == Merged(inserted=2)
    assert warehouse.rows(STORED) == [(1,), (2,)]


@pytest.mark.parametrize("meanwhile", [STOP, PAUSE, LOSE, LAND])
def test_p16_nothing_is_written_by_whoever_may_not_write_any_more(
    warehouse: WarehouseUnderTest, meanwhile: str
) -> None:
    opening = holding(a_lease(warehouse), batch="this one", opening=loading_invoice_details(BATCH))
    warehouse.damage(meanwhile)

    with warehouse.loader.merchant(MERCHANT, opening=opening):
        pass

    assert warehouse.rows(STORED) == []


def test_p6_the_limits_hold_for_the_write_that_comes_with_them(warehouse: WarehouseUnderTest) -> None:
    opening = holding(a_lease(warehouse), batch="this one", opening=loading_invoice_details(BATCH))
    warehouse.damage(HINDER)
    warehouse.damage(HINDERED)

    brief = replace(opening, limits={**LIMITS, "statement_timeout": "100ms"})
    with pytest.raises(WarehouseSlow), warehouse.loader.merchant(MERCHANT, opening=brief):
        pass

    assert warehouse.rows(STORED) == []
