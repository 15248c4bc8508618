"""S10: what one tenant did on a connection, the next one to get it does not see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import psycopg2
import pytest
from sqlalchemy import event, text

from mx_pipeline.errors import UnsafeConnection
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import LOADER_ROLE
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.isolation.rows import ONE, OTHER, fill

SETTINGS = """SELECT coalesce(current_setting('mx.merchant_id', true), ''),
                     coalesce(current_setting('mx.user_id', true), '')"""
MERCHANTS_SEEN = text("SELECT DISTINCT merchant_id FROM mx.payments ORDER BY 1")


@pytest.fixture
def filled(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    """Two merchants with a row each in every table."""
    url = warehouse.logins.admin.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        fill(cursor)
    return warehouse


@pytest.fixture
def watched(filled: WarehouseUnderTest) -> Iterator[tuple[Warehouse, list[Any]]]:
    """A warehouse, and what its connections carry whenever one is taken from the pool or given back."""
    warehouse, carried = Warehouse(filled.logins, LOADER_ROLE), list[Any]()

    def look(connection: Any, *_: object) -> None:
        if connection is None:  # it was let go
            return
        with connection.cursor() as cursor:
            cursor.execute(SETTINGS)
            carried.append(cursor.fetchone())
        connection.rollback()

    for moment in ("checkout", "checkin"):
        event.listen(warehouse._engine, moment, look)
    yield warehouse, carried
    warehouse.close()


def test_s10_no_merchant_is_set_when_a_connection_is_taken_or_given_back(watched: Any) -> None:
    warehouse, carried = watched

    for merchant_id in (ONE, OTHER, ONE):
        with warehouse.merchant(merchant_id, person="operator") as tenant:
            assert list(tenant.connection.execute(MERCHANTS_SEEN).scalars()) == [merchant_id]

    assert len(carried) == 6
    assert set(carried) == {("", "")}


@pytest.mark.parametrize(
    "statement", ["SELECT 1 / 0", "SELECT pg_terminate_backend(pg_backend_pid())", "nonsense"]
)
def test_s10_nothing_is_left_on_a_connection_that_failed(watched: Any, statement: str) -> None:
    warehouse, carried = watched

    with suppress(Exception), warehouse.merchant(ONE) as tenant:
        tenant.connection.execute(text(statement))
    with warehouse.everyone() as session:
        seen = list(session.connection.execute(MERCHANTS_SEEN).scalars())

    assert seen == []
    assert set(carried) == {("", "")}


def test_s10_nothing_is_left_when_the_caller_raises(watched: Any) -> None:
    warehouse, carried = watched

    with suppress(KeyboardInterrupt), warehouse.merchant(ONE):
        raise KeyboardInterrupt
    with warehouse.merchant(OTHER) as tenant:
        seen = list(tenant.connection.execute(MERCHANTS_SEEN).scalars())

    assert seen == [OTHER]
    assert set(carried) == {("", "")}


def test_s10_an_inner_savepoint_that_failed_keeps_the_merchant_of_its_transaction(
    filled: WarehouseUnderTest,
) -> None:
    with filled.loader.merchant(ONE) as tenant:
        with suppress(Exception), tenant.savepoint():
            tenant.connection.execute(text("SELECT set_config('mx.merchant_id', '1000000002', true), 1 / 0"))
        seen = list(tenant.connection.execute(MERCHANTS_SEEN).scalars())

    assert seen == [ONE]


@pytest.mark.parametrize(
    ("way", "is_left"),
    [
        ("SET mx.merchant_id = '1000000001'", True),
        ("SELECT set_config('mx.merchant_id', '1000000001', false)", True),
        ("SET LOCAL mx.merchant_id = '1000000001'", False),
        ("SELECT set_config('mx.merchant_id', '1000000001', true)", False),
    ],
)
def test_s10_a_plain_set_stays_on_a_pooled_connection_and_a_local_one_does_not(
    watched: Any,
    way: str,
    is_left: bool,  # noqa: FBT001
) -> None:
    """The demonstration of apartment#470: why the merchant is set in one place, and there for the transaction."""
    warehouse, carried = watched

    with warehouse._engine.begin() as connection:
        connection.execute(text(way))
    with warehouse._engine.begin() as connection:
        seen = list(connection.execute(MERCHANTS_SEEN).scalars())

    assert (seen == [ONE]) == is_left
    assert (("1000000001", "") in carried) == is_left


@pytest.mark.parametrize("setting", ["mx.merchant_id", "mx.user_id"])
def test_s10_a_connection_that_comes_with_a_tenant_or_a_person_is_refused_and_let_go(
    watched: Any, setting: str
) -> None:
    warehouse, _ = watched
    with warehouse._engine.begin() as connection:
        connection.execute(text(f"SET {setting} = '1000000001'"))

    with pytest.raises(UnsafeConnection, match="still set"), warehouse.everyone():
        pass
    with warehouse.merchant(OTHER) as tenant:
        seen = list(tenant.connection.execute(MERCHANTS_SEEN).scalars())

    assert seen == [OTHER]


def test_s10_many_threads_on_few_connections_each_see_their_own(
    filled: WarehouseUnderTest, at_once: Callable[..., list[Any]]
) -> None:
    def merchants_seen(number: int) -> bool:
        merchant_id = (ONE, OTHER)[number % 2]
        with filled.loader.merchant(merchant_id) as tenant:
            return list(tenant.connection.execute(MERCHANTS_SEEN).scalars()) == [merchant_id]

    assert all(at_once(merchants_seen, 200))
