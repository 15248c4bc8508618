"""One sync of a merchant at a time, and a process that slept too long writes nothing any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from mx_pipeline.errors import LeaseLost, MerchantBusy
from mx_pipeline.sync.lease import leased
from mx_pipeline.synthetic_mx import FixedAnswer
from mx_pipeline.warehouse.leases import held_by, holding, renew_lease, take_lease
from mx_pipeline_tests.fakes.held import held
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.sync.conftest import Clinic

EXPIRED = "UPDATE mx.sync_leases SET expires_at = now() - interval '1 second'"


def test_a_second_holder_waits_and_then_says_who_is_busy(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()

    with (
        leased(warehouse.loader, MERCHANT, holder="the first"),
        pytest.raises(MerchantBusy, match="the first"),
        leased(warehouse.loader, MERCHANT, holder="the second", wait_seconds=0.1),
    ):
        pass


def test_a_lease_that_is_given_back_is_free_at_once(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()

    with leased(warehouse.loader, MERCHANT, holder="the first") as first:
        pass
    with leased(warehouse.loader, MERCHANT, holder="the second", wait_seconds=0) as second:
        pass

    assert second > first


def test_p16_a_zombie_is_fenced_off_by_its_older_token(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT) as tenant:
        zombie = take_lease(tenant, holder="zombie", batch="zombie") or 0
    warehouse.damage(EXPIRED)
    with warehouse.loader.merchant(MERCHANT) as tenant:
        assert take_lease(tenant, holder="heir", batch="heir") == zombie + 1

    late = holding(zombie, batch="late")
    with pytest.raises(LeaseLost), warehouse.loader.merchant(MERCHANT, opening=late) as tenant:
        held_by(tenant)
    with pytest.raises(LeaseLost), warehouse.loader.merchant(MERCHANT) as tenant:
        renew_lease(tenant, zombie)


def test_p16_a_sync_that_lost_its_lease_writes_nothing_more(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=300)
    stolen = threading.Event()
    clinic.mx.answers(held(FixedAnswer(endpoint="invoice", skip=100), until=stolen.is_set))

    def steal() -> None:
        while not stolen.wait(0.05):
            with suppress(Exception):
                if clinic.rows("SELECT count(*) FROM mx.invoice_documents WHERE raw_data IS NOT NULL")[0][0]:
                    clinic.warehouse.damage("UPDATE mx.sync_leases SET token = token + 1, holder = 'heir'")
                    stolen.set()

    thief = threading.Thread(target=steal)
    thief.start()
    report = clinic.sync("full")
    stolen.set()
    thief.join()

    assert report.outcome == "failed"
    assert "taken" in report.message
    assert clinic.rows("SELECT count(*) FROM mx.enriched_transactions") == [(0,)]


def test_p18_leases_run_by_the_database_clock(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT) as tenant:
        take_lease(tenant, holder="someone", batch="someone")

    assert warehouse.value(
        "SELECT expires_at BETWEEN now() + interval '20 s' AND now() + interval '31 s' FROM mx.sync_leases"
    )


def test_whoever_takes_over_closes_the_lost_run(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=50)
    clinic.warehouse.damage(
        "INSERT INTO mx.sync_runs (merchant_id, mode) VALUES (:merchant_id, 'full')", merchant_id=MERCHANT
    )

    clinic.sync("full")

    assert clinic.rows(
        "SELECT outcome, message LIKE '%process was lost%' FROM mx.sync_runs ORDER BY run_id"
    ) == [
        ("failed", True),
        ("success", False),
    ]


@pytest.mark.parametrize(("claimed_by", "status"), [("lost", "asked"), ("heir", "claimed")])
def test_what_a_lost_run_should_have_answered_waits_again_unless_the_heir_has_it(
    warehouse: WarehouseUnderTest, claimed_by: str, status: str
) -> None:
    warehouse.has_merchant()
    warehouse.damage(
        "WITH request AS (INSERT INTO mx.sync_requests (merchant_id, asked_by, asked_through, mode, status, claimed_by)"
        " VALUES (:m, 'a test', 'command', 'full', 'claimed', :by) RETURNING request_id)"
        " INSERT INTO mx.sync_runs (merchant_id, mode, request_id) SELECT :m, 'full', request_id FROM request",
        m=MERCHANT,
        by=claimed_by,
    )

    with warehouse.loader.merchant(MERCHANT) as tenant:
        take_lease(tenant, holder="heir", batch="heir")

    assert warehouse.rows("SELECT status FROM mx.sync_requests") == [(status,)]
    assert warehouse.rows("SELECT outcome FROM mx.sync_runs") == [("failed",)]


def test_a_write_that_takes_longer_than_the_lease_keeps_it(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT) as tenant:
        token = take_lease(tenant, holder="slow", batch="1") or 0
    taken: list[int | None] = []

    def take_over() -> None:
        with warehouse.loader.merchant(MERCHANT) as tenant:
            taken.append(take_lease(tenant, holder="heir", batch="2"))

    heir = threading.Thread(target=take_over)
    warehouse.damage(EXPIRED)
    with warehouse.loader.merchant(MERCHANT, opening=holding(token, batch="3")) as writing:
        assert not held_by(writing).has_landed
        heir.start()
        heir.join(0.3)
        assert taken == []  # it waits for the write
        renew_lease(writing, token)
    heir.join()

    assert taken == [None]
