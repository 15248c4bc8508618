"""P17: the schema moves under a sync that runs by the statements of the release before."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from mx_pipeline.warehouse.migrate import migrate, newest
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.faults.database.conftest import superuser
from mx_pipeline_tests.faults.database.earlier_release import (
    FIRST,
    contents,
    copied_rows,
    first_release,
    pages_are_coming,
    slow_sync,
    stored,
)

__all__ = ["first_release"]

PAYMENTS = 120
LONGER_THAN_A_LOADER_WAITS_SECONDS = 6
"""For one lock; see LOCK_TIMEOUT."""
EXPANDED = """
ALTER TABLE mx.payments ADD COLUMN of_tomorrow text;
ALTER TABLE mx.payments ADD COLUMN kind_of_tomorrow text NOT NULL DEFAULT 'unknown';
ALTER TABLE mx.invoice_documents ADD CONSTRAINT of_tomorrow CHECK (mx_invoice_id <> 0) NOT VALID;
CREATE INDEX payments_of_tomorrow ON mx.payments (merchant_id, of_tomorrow);
CREATE TABLE mx.tomorrow (merchant_id bigint PRIMARY KEY);
"""
"""What docs/operating.md allows a migration to do."""
CONTRACTED = "ALTER TABLE mx.payments RENAME COLUMN payload TO payload_of_tomorrow"
"""What it forbids for as long as a worker of the release before may run."""


def test_p17_a_sync_goes_on_while_a_migration_expands_the_schema(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=PAYMENTS)
    with closing(slow_sync(clinic)) as syncing, superuser(warehouse) as owner:
        before = pages_are_coming(clinic)

        owner.execute("SET ROLE mx_owner")
        owner.execute(EXPANDED)
        time.sleep(LONGER_THAN_A_LOADER_WAITS_SECONDS)
        owner.connection.commit()
        clinic.mx.behaves(MERCHANT, latency_ms=0)
        told = syncing.told()

    assert 0 < before < PAYMENTS
    assert told is not None
    assert told["outcome"] == "success", told
    assert clinic.differences() == []


def test_p17_a_worker_that_is_too_old_stops_cleanly_and_its_pages_stay_whole(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=PAYMENTS)
    with closing(slow_sync(clinic)) as syncing:
        pages_are_coming(clinic)

        warehouse.damage(CONTRACTED)
        told = syncing.told()

    assert told is not None
    assert told["outcome"] == "failed", told
    assert "mx-pipeline migrate" in told["message"]
    kept = stored(clinic)
    assert 0 < kept < PAYMENTS
    assert kept % 10 == 0, "whole pages"
    warehouse.damage("ALTER TABLE mx.payments RENAME COLUMN payload_of_tomorrow TO payload")
    clinic.mx.behaves(MERCHANT, latency_ms=0)
    assert clinic.sync("full").outcome == "success"
    assert clinic.differences() == []


def test_p17_the_first_released_schema_is_brought_to_the_newest_with_all_that_is_in_it(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest, first_release: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=PAYMENTS)
    assert clinic.sync("full").outcome == "success"
    copied = copied_rows(warehouse, first_release)
    answerer = clinic.answerer
    clinic.warehouse = first_release
    clinic.answerer = type(answerer)(
        first_release.loader, first_release.sealer, answerer.mx_urls, "test", limits=answerer.limits
    )
    assert len(contents(first_release, copied)["payments"]) >= PAYMENTS

    refused = clinic.sync()  # today's statements on that schema
    assert (refused.outcome, "mx-pipeline migrate" in refused.message) == ("failed", True), refused.message
    before = contents(first_release, copied)
    migrated = migrate(first_release.logins)

    assert (migrated.before, migrated.after) == (FIRST, newest())
    assert contents(first_release, copied) == before
    assert clinic.sync().outcome == "success"
    assert clinic.differences() == []
