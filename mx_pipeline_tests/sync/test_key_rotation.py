"""The sealing key is replaced while a sync runs, and nobody notices; what was sealed for another does not open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from mx_pipeline.errors import SealBroken, WarehouseNotReady
from mx_pipeline.sealing import Sealer, SealingKey
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.synthetic_mx import Rule
from mx_pipeline.synthetic_mx.behaviour import Answer, Asked
from mx_pipeline.warehouse.administering import set_passwords
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import LOADER_ROLE, Logins
from mx_pipeline.warehouse.merchants import get_credentials
from mx_pipeline.warehouse.migrate import migrate
from mx_pipeline.warehouse.requests import SyncRequest
from mx_pipeline.warehouse.rotation import reseal, sealed_with
from mx_pipeline_tests.fakes.clinic import QUICK
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

NEW = SealingKey.generate()
HANG_UP = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = 'mx_loader'"
)


@pytest.fixture
def both(warehouse: WarehouseUnderTest) -> Iterator[Logins]:
    """A process that was started with the new key and the previous one; the session's logins are put right after."""
    yield replace(warehouse.logins, key=NEW, previous=warehouse.logins.key)
    set_passwords(warehouse.logins)


def test_keys_are_rotated_while_a_sync_runs(a_clinic: Any, both: Logins) -> None:
    clinic = a_clinic(payments=150)
    sealer = Sealer(NEW, both.previous)
    loader = Warehouse(both, LOADER_ROLE)
    answerer = Answerer(loader, sealer, {"sandbox": clinic.mx.url}, "test", limits=QUICK)

    async def rotate(_: Asked, answer: Answer) -> Answer:
        await asyncio.to_thread(reseal, both, sealer)
        await asyncio.to_thread(set_passwords, both)
        await asyncio.to_thread(clinic.warehouse.rows, HANG_UP)
        return answer

    clinic.mx.answers(Rule(act=rotate, endpoint="invoice", skip=10, times=1))
    report = answerer.ask_and_answer(MERCHANT, SyncRequest("operator:test", "command", mode="full"))
    again = answerer.ask_and_answer(MERCHANT, SyncRequest("operator:test", "command"))
    loader.close()

    assert (report.outcome, again.outcome) == ("success", "success"), report.message
    assert clinic.differences() == []
    assert sealed_with(both) == {NEW.key_id: 1}
    _opens(replace(both, previous=None), Sealer(NEW))
    with pytest.raises(WarehouseNotReady, match="MX_SEALING_KEY"):
        _opens(clinic.warehouse.logins, clinic.warehouse.sealer)


def test_what_was_rotated_stays_so_and_the_rest_follows_when_it_is_begun_again(
    warehouse: WarehouseUnderTest, both: Logins
) -> None:
    for number in range(4):
        warehouse.has_merchant(MERCHANT + number, key=f"key {number}")
    warehouse.damage(
        "UPDATE mx.mx_merchant_configs SET sealing_key_id = 'lost' WHERE merchant_id = :m", m=MERCHANT
    )
    sealer = Sealer(NEW, both.previous)

    first, second = reseal(both, sealer), reseal(both, sealer)

    assert (first.merchants, first.from_keys, first.unopened) == (3, (both.previous.key_id,), (MERCHANT,))  # pyright: ignore[reportOptionalMemberAccess]
    assert (second.merchants, second.unopened) == (0, (MERCHANT,))
    with warehouse.loader.merchant(MERCHANT + 2) as tenant:
        assert get_credentials(tenant, Sealer(NEW))[1].consumer_key == "key 2"


def test_migrating_with_two_keys_leaves_the_logins_to_the_processes_that_use_them(
    warehouse: WarehouseUnderTest, both: Logins
) -> None:
    warehouse.has_merchant()

    migrate(both)
    _opens(warehouse.logins, warehouse.sealer)
    _opens(both, Sealer(NEW, both.previous))

    migrate(replace(both, previous=None))
    with pytest.raises(WarehouseNotReady):
        _opens(warehouse.logins, warehouse.sealer)


def test_s21_what_was_sealed_for_one_merchant_does_not_open_in_the_row_of_another(
    warehouse: WarehouseUnderTest,
) -> None:
    thief = warehouse.has_merchant(MERCHANT + 1)
    warehouse.has_merchant(MERCHANT, secret="canary-of-the-secret")
    warehouse.damage(
        "UPDATE mx.mx_merchant_configs AS thief SET consumer_key = victim.consumer_key,"
        " consumer_secret = victim.consumer_secret, sealing_key_id = victim.sealing_key_id"
        " FROM mx.mx_merchant_configs AS victim WHERE thief.merchant_id = :t AND victim.merchant_id = :m",
        t=thief,
        m=MERCHANT,
    )

    with pytest.raises(SealBroken) as refused, warehouse.loader.merchant(thief) as tenant:
        get_credentials(tenant, warehouse.sealer)
    assert "canary" not in repr(refused.value)

    warehouse.damage(
        "UPDATE mx.mx_merchant_configs SET consumer_secret = consumer_key WHERE merchant_id = :m", m=MERCHANT
    )
    with pytest.raises(SealBroken), warehouse.loader.merchant(MERCHANT) as tenant:
        get_credentials(tenant, warehouse.sealer)


def _opens(logins: Logins, sealer: Sealer) -> None:
    warehouse = Warehouse(logins, LOADER_ROLE)
    try:
        with warehouse.merchant(MERCHANT) as tenant:
            get_credentials(tenant, sealer)
    finally:
        warehouse.close()
