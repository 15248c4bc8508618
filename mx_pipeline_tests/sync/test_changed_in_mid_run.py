"""A merchant is paused, removed or given another key while its sync runs (C9, C10)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from mx_pipeline.access import OPERATOR
from mx_pipeline.errors import WarehouseUnavailable
from mx_pipeline.synthetic_mx import Rule
from mx_pipeline.synthetic_mx.behaviour import Answer, Asked
from mx_pipeline.warehouse.leases import held_by, holding, take_lease
from mx_pipeline.warehouse.merchants import Credentials, replace_key, set_active
from mx_pipeline.warehouse.removing import remove
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import DATA, all_tables
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

OTHER = MERCHANT + 1


def meanwhile(
    clinic: Clinic, what: Callable[[], Any], *, skip: int = 60, endpoint: str = "invoice"
) -> list[Any]:
    """Do it between two answers of the vendor; what it gave comes back."""
    given: list[Any] = []

    async def act(_: Asked, answer: Answer) -> Answer:
        given.append(await asyncio.to_thread(what))
        return answer

    clinic.mx.answers(Rule(act=act, endpoint=endpoint, merchant_id=clinic.merchant_id, skip=skip, times=1))
    return given


def contents(warehouse: WarehouseUnderTest, merchant_id: int) -> list[Any]:
    return [
        warehouse.rows(f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM mx.{table} AS t"
                       " WHERE merchant_id = :m", m=merchant_id)
        for table in DATA
    ]  # fmt: skip


def test_c9_nothing_is_written_after_a_pause_in_mid_run_and_a_resumed_merchant_is_made_whole(
    a_clinic: Any,
) -> None:
    clinic = a_clinic(payments=300)

    def pause() -> list[Any]:
        with clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
            set_active(tenant, is_active=False)
        return contents(clinic.warehouse, MERCHANT)

    at_the_pause = meanwhile(clinic, pause)
    report = clinic.sync("full")

    assert (report.outcome, report.run_id is not None) == ("cancelled", True)
    assert f"merchant {MERCHANT} was paused or removed" in report.message
    assert contents(clinic.warehouse, MERCHANT) == at_the_pause[0]
    assert clinic.warehouse.value("SELECT outcome FROM mx.sync_runs") == "cancelled"
    assert clinic.warehouse.value("SELECT outcome FROM mx.sync_requests") == "cancelled"
    with clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        set_active(tenant, is_active=True)
    assert clinic.sync("full").outcome == "success"
    assert clinic.differences() == []


def test_c9_nothing_is_left_and_nothing_comes_back_after_a_removal_in_mid_run(a_clinic: Any) -> None:
    clinic, other = a_clinic(payments=300), a_clinic(OTHER, payments=40)
    other.sync("full")
    before = contents(clinic.warehouse, OTHER)

    removed = meanwhile(
        clinic, lambda: remove(clinic.warehouse.logins, MERCHANT, actor="operator:test", rows_at_once=30)
    )
    report = clinic.sync("full")

    assert report.outcome == "cancelled"
    assert f"merchant {MERCHANT} was paused or removed" in report.message
    assert removed[0].rows["payments"] > 0
    assert left_of(clinic.warehouse, MERCHANT) == {"audit_log"}
    assert contents(clinic.warehouse, OTHER) == before
    assert clinic.sync("full").outcome == "failed"
    assert left_of(clinic.warehouse, MERCHANT) == {"audit_log"}


def test_c9_a_pause_waits_for_the_write_that_is_under_way(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT) as tenant:
        token = take_lease(tenant, holder="test", batch="first")

    assert token is not None
    with warehouse.loader.merchant(MERCHANT, opening=holding(token, batch="second")) as tenant:
        assert not held_by(tenant).has_landed
        with warehouse.app.merchant(MERCHANT, person=OPERATOR) as other:
            other.connection.execute(text("SET LOCAL lock_timeout = '200ms'"))
            with pytest.raises(WarehouseUnavailable, match="lock"):
                set_active(other, is_active=False)


def test_c10_a_key_that_was_replaced_in_mid_run_is_used_and_the_old_ones_refusal_is_none(
    a_clinic: Any,
) -> None:
    clinic = a_clinic(payments=150)

    meanwhile(clinic, lambda: renew(clinic, revoke_old=True))
    report = clinic.sync("full")

    assert report.outcome == "success", report.message
    assert clinic.differences() == []
    assert clinic.warehouse.value("SELECT credentials_refused_at FROM mx.mx_merchant_configs") is None
    assert opened(clinic) >= 2


def test_c10_a_new_key_is_used_though_the_old_one_is_still_good(a_clinic: Any) -> None:
    clinic = a_clinic(payments=150)

    meanwhile(clinic, lambda: renew(clinic, revoke_old=False), skip=5)
    report = clinic.sync("full")

    assert report.outcome == "success", report.message
    assert opened(clinic) == 2


def test_c10_where_the_new_key_is_refused_too_the_merchant_stops(a_clinic: Any) -> None:
    clinic = a_clinic(payments=150)

    def spoil() -> None:
        clinic.mx.revoke_keys(MERCHANT)
        replace(clinic, Credentials("K" * 24, "not MX's"))

    meanwhile(clinic, spoil)
    report = clinic.sync("full")

    assert report.outcome == "auth_failed"
    assert clinic.warehouse.value("SELECT credentials_refused_at FROM mx.mx_merchant_configs") is not None


def renew(clinic: Clinic, *, revoke_old: bool) -> None:
    # In an order in which one of the two keys is always good: calls go on meanwhile.
    key = clinic.mx.new_key(MERCHANT, consumer_key="N" * 24, revoke_old=False)
    replace(clinic, Credentials(key.consumer_key, key.consumer_secret))
    if revoke_old:
        again = clinic.mx.new_key(
            MERCHANT, consumer_key=key.consumer_key, consumer_secret=key.consumer_secret, revoke_old=True
        )
        assert again == key


def replace(clinic: Clinic, credentials: Credentials) -> None:
    with clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        replace_key(tenant, clinic.warehouse.sealer, credentials)


def opened(clinic: Clinic) -> int:
    return clinic.warehouse.value("SELECT count(*) FROM mx.audit_log WHERE action = 'credential.used'")


def left_of(warehouse: WarehouseUnderTest, merchant_id: int) -> set[str]:
    """The tables that still have a row of the merchant."""
    return {
        table
        for table in all_tables(warehouse)
        if warehouse.rows(f"SELECT FROM mx.{table} WHERE merchant_id = :m LIMIT 1", m=merchant_id)
    }
