"""What each role is for works, inside its merchant; the rest is refused in words that quote no row."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from mx_pipeline.access import OPERATOR
from mx_pipeline.errors import WarehouseError
from mx_pipeline.records import Payment
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.dispatching import mark_launched, waiting_requests
from mx_pipeline.warehouse.loading import load_payments
from mx_pipeline.warehouse.merchants import list_merchants
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

ONE, OTHER = 1_000_000_001, 1_000_000_002
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def two_merchants(warehouse: WarehouseUnderTest) -> WarehouseUnderTest:
    """Two clinics that hold a payment each, with the same id."""
    for merchant_id in (ONE, OTHER):
        warehouse.has_merchant(merchant_id)
        payment = Payment(payment_id=7, created=NOON, amount=Decimal(merchant_id % 10), status="Approved")
        with warehouse.loader.merchant(merchant_id) as tenant:
            load_payments(tenant, [payment], observed_at=NOON)
    return warehouse


@pytest.mark.parametrize("role", ["loader", "app"])
def test_a_connection_sees_its_merchant_alone(two_merchants: WarehouseUnderTest, role: str) -> None:
    opened: Warehouse = getattr(two_merchants, role)

    with opened.merchant(ONE, person=OPERATOR) as tenant:
        rows = tenant.connection.execute(text("SELECT merchant_id, amount FROM mx.payments")).all()

    assert [tuple(row) for row in rows] == [(ONE, 1)]


@pytest.mark.parametrize("role", ["loader", "app"])
def test_without_a_merchant_there_is_nothing(two_merchants: WarehouseUnderTest, role: str) -> None:
    opened: Warehouse = getattr(two_merchants, role)
    with opened.merchant(ONE, person=OPERATOR):
        pass

    with opened.everyone() as session:
        assert session.connection.execute(text("SELECT count(*) FROM mx.payments")).scalar() == 0


def test_nothing_can_be_written_for_another_merchant(two_merchants: WarehouseUnderTest) -> None:
    moved = text("UPDATE mx.payments SET amount = 99 WHERE merchant_id = :other")
    planted = text(
        "INSERT INTO mx.payments (merchant_id, mx_payment_id, created, amount, status, payload, observed_at)"
        " VALUES (:other, 8, now(), 1, 'Approved', '{}', now())"
    )

    with two_merchants.loader.merchant(ONE) as tenant:
        assert tenant.connection.execute(moved, {"other": OTHER}).rowcount == 0
    with pytest.raises(Exception, match="row-level security"), two_merchants.loader.merchant(ONE) as tenant:
        tenant.connection.execute(planted, {"other": OTHER})

    assert two_merchants.value("SELECT sum(amount) FROM mx.payments") == 3


def test_the_loader_has_no_hand_on_what_people_write(two_merchants: WarehouseUnderTest) -> None:
    for table in ("transaction_workflow", "invoice_workflow", "product_categories"):
        assert two_merchants.value(
            "SELECT NOT has_table_privilege('mx_loader', 'mx.' || :name, 'INSERT, UPDATE, DELETE')",
            name=table,
        )


def test_the_application_cannot_read_a_key_and_the_dispatcher_neither(
    two_merchants: WarehouseUnderTest,
) -> None:
    for role in ("mx_app", "mx_dispatcher"):
        for column in ("consumer_key", "consumer_secret"):
            assert two_merchants.value(
                "SELECT NOT has_column_privilege(:role, 'mx.mx_merchant_configs', :name, 'SELECT')",
                role=role,
                name=column,
            )


def test_the_dispatcher_sees_who_waits_and_no_data(two_merchants: WarehouseUnderTest) -> None:
    with two_merchants.app.merchant(OTHER, person=OPERATOR) as tenant:
        request_id = ask(tenant, SyncRequest("someone", "command"))

    with two_merchants.dispatcher.everyone() as session:
        waiting = waiting_requests(session, most=10, head_start_seconds=0)
        mark_launched(session, waiting)
        again = waiting_requests(session, most=10, head_start_seconds=0)
        merchants = [merchant.merchant_id for merchant in list_merchants(session)]

    assert [(row.merchant_id, row.request_id) for row in waiting] == [(OTHER, request_id)]
    assert again == []
    assert merchants == [ONE, OTHER]
    with pytest.raises(Exception, match="permission denied"), two_merchants.dispatcher.everyone() as session:
        session.connection.execute(text("SELECT * FROM mx.payments"))


def test_workflow_is_written_through_the_views_and_nothing_else_is(two_merchants: WarehouseUnderTest) -> None:
    with two_merchants.app.merchant(ONE, person=OPERATOR) as tenant:
        tenant.connection.execute(text("UPDATE mx.transactions SET membership_status = 'paused'"))
    with (
        pytest.raises(Exception, match="only workflow columns"),
        two_merchants.app.merchant(ONE, person=OPERATOR) as tenant,
    ):
        tenant.connection.execute(text("UPDATE mx.transactions SET amount = 0"))

    assert two_merchants.rows("SELECT merchant_id, membership_status FROM mx.transactions ORDER BY 1") == [
        (ONE, "paused"),
        (OTHER, "active"),
    ]


def test_a_refused_statement_never_quotes_the_row(two_merchants: WarehouseUnderTest) -> None:
    payment = Payment(
        payment_id=8, created=NOON, amount=Decimal("NaN"), status="x", customer_name="Pat Secret"
    )

    with pytest.raises(WarehouseError) as refused, two_merchants.loader.merchant(ONE) as tenant:
        load_payments(tenant, [payment], observed_at=NOON)

    assert "Pat Secret" not in f"{refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!r}"
