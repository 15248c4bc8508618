"""A transaction begins on a connection that stands, whatever happened to it in the pool."""

from __future__ import annotations

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest


def test_p1_a_connection_lost_while_it_lay_in_the_pool_is_replaced(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with warehouse.loader.merchant(MERCHANT):
        pass
    ended = warehouse.rows(
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE usename = 'mx_loader'"
        " AND datname = current_database()"
    )

    with warehouse.loader.merchant(MERCHANT) as tenant:
        held = tenant.one("payments", "payments_held", ids=None).held

    assert ended == [(True,)]
    assert held == 0
