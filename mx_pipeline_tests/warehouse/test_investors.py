"""Investors see sums of groups that hide everyone in them, and no adding and subtracting finds a smaller one."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from mx_pipeline.access import NO_OVERRIDES, OPERATOR
from mx_pipeline.warehouse.connections import Session
from mx_pipeline.warehouse.people import give_role
from mx_pipeline_tests.fakes.figures_under_attack import (
    FEWEST,
    Paid,
    customers,
    published,
    small_groups_found,
    store,
    taken_apart,
)
from mx_pipeline_tests.fakes.people import has_person_as
from mx_pipeline_tests.fakes.people_with_sql import PeopleWithSql, Person, people
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

__all__ = ["people"]

NUMBERS = count(MERCHANT + 100)
JANUARY, FEBRUARY = "2026-01", "2026-02"
BY_MONTH = (
    "SELECT month::text, revenue, payments, average_ticket FROM mx.investor_revenue_by_month ORDER BY 1"
)
BY_CATEGORY = """SELECT product_category, revenue, payments
                   FROM mx.investor_revenue_by_category ORDER BY payments DESC"""
BY_PRODUCT = """SELECT product_category, product_name, payments
                  FROM mx.investor_revenue_by_product ORDER BY payments DESC, product_name DESC"""
MEMBERSHIPS = "SELECT membership_status, members FROM mx.investor_memberships ORDER BY 1"

PAYMENTS = st.lists(
    st.builds(
        Paid,
        month=st.sampled_from([JANUARY, FEBRUARY]),
        product=st.sampled_from(["a1", "a2", "a3", "b1", "b2", "c1", None]),
        customer=st.one_of(st.none(), st.integers(1, 9)),
        kind=st.sampled_from(["sale"] * 6 + ["refund", "declined"]),
        membership=st.sampled_from([None, "active", "paused", "canceled"]),
    ),
    min_size=20,
    max_size=90,
)


def everyone_buys(product: str | None, people: range, **more: str) -> list[Paid]:
    return [Paid(JANUARY, product, customer, **more) for customer in people]


@pytest.fixture
def investor(warehouse: WarehouseUnderTest, people: PeopleWithSql) -> Person:
    """Someone who reads the figures of one merchant."""
    warehouse.has_merchant(MERCHANT)
    return people.add(MERCHANT, kind="investor")


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(payments=PAYMENTS)
def test_no_adding_and_subtracting_finds_fewer_than_five_customers(
    warehouse: WarehouseUnderTest, investor: Person, payments: list[Paid]
) -> None:
    merchant_id = next(NUMBERS)
    store(warehouse, merchant_id, payments)
    warehouse.damage("UPDATE mx.sql_logins SET merchant_id = :to", to=merchant_id)

    figures = published(investor)
    known = {figure.told: taken_apart(figure, len(payments)) for figure in figures}
    members = investor.reads(MEMBERSHIPS)

    assert {told: group for told, group in known.items() if customers(payments, group) < FEWEST} == {}
    assert list(small_groups_found(payments, list(known.values()))) == []
    assert all(number >= FEWEST for _, number in members)


def test_the_attack_finds_what_a_subtraction_reveals() -> None:
    payments = [*everyone_buys("a1", range(1, 7)), *everyone_buys("a2", range(1, 4))]
    the_month, the_product = frozenset(range(9)), frozenset(range(6))

    assert list(small_groups_found(payments, [the_month, the_product])) == [frozenset(range(6, 9))]


def test_a_month_adds_up_in_every_view(warehouse: WarehouseUnderTest, investor: Person) -> None:
    payments = [
        *everyone_buys("a1", range(1, 8)),
        *everyone_buys("a2", range(1, 7)),
        *everyone_buys("b1", range(1, 7)),
        *everyone_buys(None, range(1, 6)),
    ]
    store(warehouse, MERCHANT, payments, amount_of=lambda _: 10)

    assert investor.reads(BY_MONTH) == [("2026-01-01", 240, 24, 10)]
    assert investor.reads(BY_CATEGORY) == [
        ("category a", 130, 13),
        ("category b", 60, 6),
        ("Without a product", 50, 5),
    ]
    assert investor.reads(BY_PRODUCT) == [
        ("category a", "a1", 7),
        ("category b", "b1", 6),
        ("category a", "a2", 6),
        ("Without a product", "Without a product", 5),
    ]


def test_money_that_was_only_set_aside_is_no_sale_to_investors_nor_to_the_data_team(
    warehouse: WarehouseUnderTest, investor: Person
) -> None:
    payments = [*everyone_buys("a1", range(1, 8)), *everyone_buys("a1", range(8, 14), kind="declined")]
    store(warehouse, MERCHANT, payments, amount_of=lambda _: 10)
    warehouse.damage("UPDATE mx.payments SET type = 'Authorization' WHERE mx_payment_id IN (7, 13)")

    assert investor.reads(BY_MONTH) == [("2026-01-01", 60, 6, 10)]
    assert sorted(investor.reads("SELECT kind, payments FROM mx.investor_payments_by_month")) == [
        ("declined", 6),
        ("sale", 6),
    ]
    of_the_data_team = "SELECT kind, count(*), sum(gross) FROM mx.payment_money GROUP BY 1 ORDER BY 1"
    assert warehouse.rows(of_the_data_team) == [("declined", 6, 0), ("other", 1, 0), ("sale", 6, 60)]


def test_one_small_product_takes_the_smallest_shown_one_along(
    warehouse: WarehouseUnderTest, investor: Person
) -> None:
    payments = [
        *everyone_buys("a1", range(1, 9)),
        *everyone_buys("a2", range(1, 7)),
        *everyone_buys("a3", range(1, 3)),
    ]
    store(warehouse, MERCHANT, payments, amount_of=lambda _: 10)

    assert investor.reads(BY_PRODUCT) == [
        ("category a", "a1", 8),
        ("category a", "All other products", 8),
    ]


def test_small_products_that_hide_one_another_leave_the_others_alone(
    warehouse: WarehouseUnderTest, investor: Person
) -> None:
    payments = [
        *everyone_buys("a1", range(1, 7)),
        *everyone_buys("a2", range(1, 4)),
        *everyone_buys("a3", range(4, 7)),
    ]
    store(warehouse, MERCHANT, payments, amount_of=lambda _: 10)

    assert investor.reads(BY_PRODUCT) == [
        ("category a", "a1", 6),
        ("category a", "All other products", 6),
    ]


def test_a_month_of_four_customers_is_not_there(warehouse: WarehouseUnderTest, investor: Person) -> None:
    few = [Paid(FEBRUARY, "a1", customer) for customer in (1, 2, 3, 4, 4, None, None)]
    store(warehouse, MERCHANT, [*everyone_buys("a1", range(1, 6)), *few], amount_of=lambda _: 10)

    assert [month for month, *_ in investor.reads(BY_MONTH)] == ["2026-01-01"]


def test_who_paid_nearly_everything_is_hidden_too(warehouse: WarehouseUnderTest, investor: Person) -> None:
    payments = [*everyone_buys("a1", range(1, 7)), *everyone_buys("b1", range(1, 10))]
    store(warehouse, MERCHANT, payments, amount_of=lambda place: 100_000 if place == 0 else 10_000)

    assert [name for name, *_ in investor.reads(BY_CATEGORY)] == ["category b", "category a"]
    warehouse.damage("UPDATE mx.payments SET amount = 300000 WHERE mx_payment_id = 1")
    assert [name for name, *_ in investor.reads(BY_CATEGORY)] == ["All other categories"]
    warehouse.damage("UPDATE mx.payments SET amount = 9000000 WHERE mx_payment_id = 1")
    assert investor.reads(BY_CATEGORY) == []


def test_where_even_the_smallest_shown_part_hides_nobody_only_the_whole_is_shown(
    warehouse: WarehouseUnderTest, investor: Person
) -> None:
    payments = [
        *everyone_buys("a1", range(1, 2)),
        *everyone_buys("b1", range(1, 6)),
        *everyone_buys("c1", range(10, 30)),
    ]
    store(warehouse, MERCHANT, payments, amount_of=lambda place: 300 if place == 0 else 10 + place)

    assert [name for name, *_ in investor.reads(BY_CATEGORY)] == ["All other categories"]


def test_one_person_under_many_spellings_is_one(warehouse: WarehouseUnderTest, investor: Person) -> None:
    store(warehouse, MERCHANT, everyone_buys("a1", range(1, 6)), amount_of=lambda _: 10)
    assert len(investor.reads(BY_MONTH)) == 1

    warehouse.damage("UPDATE mx.payment_people SET customer_name = ' customer  1 ' WHERE mx_payment_id = 2")

    assert investor.reads(BY_MONTH) == []


def test_only_complete_months_of_the_merchants_own_zone_are_shown(
    warehouse: WarehouseUnderTest, investor: Person
) -> None:
    store(warehouse, MERCHANT, everyone_buys("a1", range(1, 7)), amount_of=lambda _: 10)
    warehouse.damage("UPDATE mx.payments SET created = '2026-02-01T05:59Z'")  # in Chicago still January
    assert [month for month, *_ in investor.reads(BY_MONTH)] == ["2026-01-01"]

    warehouse.damage(
        """UPDATE mx.payments SET created = date_trunc('month', now() AT TIME ZONE 'America/Chicago')
                                            AT TIME ZONE 'America/Chicago'"""
    )

    assert investor.reads(BY_MONTH) == []


def test_refunds_and_declined_payments_are_told_of_five_customers_and_more(
    warehouse: WarehouseUnderTest, investor: Person
) -> None:
    payments = [
        *everyone_buys("a1", range(1, 9)),
        *everyone_buys("a1", range(1, 6), kind="refund"),
        *everyone_buys("a1", range(1, 5), kind="declined"),
    ]
    store(warehouse, MERCHANT, payments, amount_of=lambda _: 10)

    assert investor.reads("SELECT kind, payments, amount FROM mx.investor_payments_by_month ORDER BY 1") == [
        ("refund", 5, 50),
        ("sale", 8, Decimal(80)),
    ]


def test_members_are_counted_once_where_their_newest_payment_stands(
    warehouse: WarehouseUnderTest, investor: Person
) -> None:
    payments = [
        *everyone_buys("a1", range(1, 13), membership="active"),
        *[Paid(FEBRUARY, "a1", customer, membership="paused") for customer in range(1, 7)],
        *[Paid(FEBRUARY, "a1", customer, membership="canceled") for customer in (20, 21)],
    ]
    store(warehouse, MERCHANT, payments, amount_of=lambda _: 10)

    told = Counter(dict(investor.reads(MEMBERSHIPS)))

    assert told.total() == 14
    assert set(told) == {"All others", "paused"} or set(told) == {"All others", "active"}
    assert told["All others"] == 8


def test_s12_a_function_of_an_investor_is_shown_nothing_that_the_view_hides(
    warehouse: WarehouseUnderTest, investor: Person
) -> None:
    payments = [*everyone_buys("a1", range(1, 9)), *everyone_buys("a1", range(1, 4), kind="declined")]
    store(warehouse, MERCHANT, payments, amount_of=lambda _: 10)
    investor.reads(
        """CREATE FUNCTION pg_temp.tell(anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE COST 0.0000001 AS
           $$ BEGIN RAISE NOTICE 'told %', $1; RETURN true; END $$"""
    )

    investor.reads("SELECT FROM mx.investor_payments_by_month WHERE pg_temp.tell(amount)")

    assert "told 80" in investor.notices
    assert "told 30" not in investor.notices


def test_the_application_shows_a_person_the_figures_of_the_tenants_granted_to_them(
    warehouse: WarehouseUnderTest,
) -> None:
    others = (MERCHANT + 1, MERCHANT + 2)
    for merchant_id in (MERCHANT, *others):
        store(warehouse, merchant_id, everyone_buys("a1", range(1, 7)), amount_of=lambda _: 10)
    investor = has_person_as(warehouse, "investor", MERCHANT)
    with warehouse.app.merchant(others[0], person=OPERATOR) as tenant:
        give_role(tenant, investor, "investor", overrides=NO_OVERRIDES, expires_at=None)
    figures = text("SELECT merchant_id FROM mx.investor_revenue_by_month ORDER BY 1")

    def seen(session: Session) -> list[int]:
        return list(session.connection.execute(figures).scalars())

    with warehouse.app.everyone(person=investor) as session:
        assert seen(session) == [MERCHANT, others[0]]
    with warehouse.app.merchant(MERCHANT, person=investor) as tenant:
        assert seen(tenant) == [MERCHANT]
        assert tenant.connection.execute(text("SELECT count(*) FROM mx.payments")).scalar() == 0
    with warehouse.app.merchant(others[1], person=investor) as tenant:
        assert seen(tenant) == []
    with warehouse.app.everyone(person=has_person_as(warehouse, "nurse", MERCHANT)) as session:
        assert seen(session) == []
    with warehouse.app.everyone() as session:
        assert seen(session) == []


def test_s11_a_person_that_a_sql_login_claims_to_be_is_not_believed(
    warehouse: WarehouseUnderTest, investor: Person
) -> None:
    store(warehouse, MERCHANT + 1, everyone_buys("a1", range(1, 7)), amount_of=lambda _: 10)
    owner = has_person_as(warehouse, "tenant_owner", MERCHANT + 1)

    for claimed in ("operator", owner):
        investor.reads("SELECT set_config('mx.user_id', %s, false)", claimed)
        investor.reads("SELECT set_config('mx.merchant_id', %s, false)", str(MERCHANT + 1))

        assert investor.reads(BY_MONTH) == []
