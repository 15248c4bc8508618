"""Behind PgBouncer in transaction mode a server connection goes from one tenant to the next; nothing goes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest
from sqlalchemy import text

from mx_pipeline.access import OPERATOR
from mx_pipeline.correlation import correlated
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import APP_ROLE, LOADER_ROLE, Logins
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.isolation.pooler import pooled

pytestmark = pytest.mark.system

ONE, OTHER = 1_000_000_001, 1_001_000_001
"""Merchants to whom the synthetic MX gives records with the same ids."""
MERCHANTS_SEEN = "SELECT DISTINCT merchant_id FROM mx.payments"


@pytest.fixture
def behind_pooler(warehouse: WarehouseUnderTest) -> Iterator[Logins]:
    with pooled(warehouse.logins) as logins:
        yield logins


def test_s10_two_merchants_sync_at_once_through_pgbouncer_and_both_are_exact(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest, behind_pooler: Logins
) -> None:
    one, other = a_clinic(ONE, payments=400), a_clinic(OTHER, payments=400)
    through = WarehouseUnderTest(behind_pooler)
    clinics = [Clinic(clinic.mx, through, clinic.merchant_id, key=clinic.key) for clinic in (one, other)]

    with ThreadPoolExecutor(2) as at_once:
        reports = list(at_once.map(Clinic.sync, clinics))

    through.close()
    assert [(report.outcome, report.message) for report in reports] == [("success", "")] * 2
    assert one.differences() == other.differences() == []


def test_s10_what_a_transaction_belonged_to_does_not_go_on_to_the_next_behind_pgbouncer(
    warehouse: WarehouseUnderTest, behind_pooler: Logins
) -> None:
    warehouse.has_merchant(ONE)
    through = WarehouseUnderTest(behind_pooler)
    names: list[str] = []

    for known in ({"request_id": 17, "correlation_id": "a-caller-of-ours"}, {}, {"request_id": 18}):
        with correlated(**known), through.loader.merchant(ONE):
            seen = warehouse.rows(
                "SELECT application_name FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = 'mx_loader' AND state LIKE 'idle in%'"
            )
        names += [row.application_name.partition("#")[2] for row in seen]

    through.close()
    assert names == ["17 a-caller-of-ours", "", "18"]


def test_s10_a_plain_set_leaks_through_pgbouncer(
    a_clinic: Callable[..., Clinic], behind_pooler: Logins
) -> None:
    """The demonstration: this is why no statement of ours sets a merchant outside of a transaction."""
    assert a_clinic(ONE, payments=5).sync("full").outcome == "success"
    url = behind_pooler.url(LOADER_ROLE).set(drivername="postgresql").render_as_string(hide_password=False)

    with closing(psycopg2.connect(url)) as careless, careless.cursor() as cursor:
        careless.autocommit = True
        cursor.execute("SET mx.merchant_id = '1000000001'")
    with closing(psycopg2.connect(url)) as somebody_else, somebody_else.cursor() as cursor:
        cursor.execute(MERCHANTS_SEEN)
        seen = cursor.fetchall()

    assert seen == [(ONE,)]


def test_s10_our_way_leaves_nothing_behind_in_pgbouncer(
    a_clinic: Callable[..., Clinic], behind_pooler: Logins
) -> None:
    for merchant_id in (ONE, OTHER):
        assert a_clinic(merchant_id, payments=5).sync("full").outcome == "success"
    through = Warehouse(behind_pooler, LOADER_ROLE)

    def merchants_seen(number: int) -> list[int]:
        opened = (ONE, OTHER, None)[number % 3]
        with through.everyone() if opened is None else through.merchant(opened) as session:
            seen = list(session.connection.execute(text(MERCHANTS_SEEN)).scalars())
            assert seen == ([opened] if opened else [])
            if number % 5 == 0:
                session.connection.execute(text("SELECT 1 / 0"))
        return seen

    with ThreadPoolExecutor(12) as at_once:
        asked = [at_once.submit(merchants_seen, number) for number in range(300)]
        wrong = [type(error).__name__ for each in asked if (error := each.exception()) is not None]

    through.close()
    assert set(wrong) == {"DataError"}, "only the statements that were meant to fail"
    assert len(wrong) == 60


def test_s10_workflow_is_written_through_pgbouncer_and_stays_in_its_tenant(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest, behind_pooler: Logins
) -> None:
    for merchant_id in (ONE, OTHER):
        assert a_clinic(merchant_id, payments=5).sync("full").outcome == "success"
    through = Warehouse(behind_pooler, APP_ROLE)

    with through.merchant(ONE, person=OPERATOR) as tenant:
        tenant.connection.execute(text("UPDATE mx.transactions SET membership_status = 'paused'"))

    through.close()
    assert warehouse.rows("SELECT DISTINCT merchant_id FROM mx.transaction_workflow") == [(ONE,)]
