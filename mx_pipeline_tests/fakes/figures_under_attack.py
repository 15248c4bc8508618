"""
A merchant whose every published sum tells which payments are in it, and an attacker who adds and subtracts.

Each payment's amount carries a bit of its own, so that a sum read from a view is taken apart into its payments
without knowing how the view works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

import numpy as np

from mx_pipeline_tests.fakes.people_with_sql import Person
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

FEWEST = 5
MOST_CLASSES_COMBINED = 3


@dataclass(frozen=True)
class Paid:
    """One payment of a made-up merchant."""

    month: str
    product: str | None
    customer: int | None
    kind: str = "sale"
    membership: str | None = None

    @property
    def category(self) -> str | None:
        return None if self.product is None else f"category {self.product[0]}"


@dataclass(frozen=True)
class Figure:
    """One published sum."""

    told: str
    amount: Decimal
    payments: int


SUMS = (
    "SELECT concat_ws(' ', month), revenue, payments FROM mx.investor_revenue_by_month",
    "SELECT concat_ws(' ', month, product_category), revenue, payments FROM mx.investor_revenue_by_category",
    """SELECT concat_ws(' ', month, product_category, product_name), revenue, payments
         FROM mx.investor_revenue_by_product""",
    "SELECT concat_ws(' ', month, kind), amount, payments FROM mx.investor_payments_by_month",
)


def store(
    warehouse: WarehouseUnderTest,
    merchant_id: int,
    payments: Sequence[Paid],
    *,
    amount_of: Callable[[int], int] | None = None,
) -> None:
    """The payments as a sync would leave them; `amount_of` a payment's place, else the one that carries its bit."""
    warehouse.has_merchant(merchant_id)
    amounts = [(amount_of or coded(len(payments)))(place) for place in range(len(payments))]
    status = {"declined": "Declined"}
    sign = {"refund": -1}
    columns = {
        "ids": list(range(1, len(payments) + 1)),
        "created": [f"{paid.month}-15T12:00Z" for paid in payments],
        "amounts": [sign.get(paid.kind, 1) * amount for paid, amount in zip(payments, amounts, strict=True)],
        "statuses": [status.get(paid.kind, "Settled") for paid in payments],
        "types": ["Return" if paid.kind == "refund" else "Sale" for paid in payments],
        "sources": ["Recurring" if paid.membership else "QuickPay" for paid in payments],
        "customers": [None if paid.customer is None else f"Customer {paid.customer}" for paid in payments],
        "products": [paid.product for paid in payments],
        "categories": [paid.category for paid in payments],
        "memberships": [paid.membership for paid in payments],
    }
    warehouse.damage(STORE, merchant_id=merchant_id, **columns)


STORE = """
    WITH paid AS (
        SELECT * FROM unnest(CAST(:ids AS bigint[]), CAST(:created AS timestamptz[]), CAST(:amounts AS numeric[]),
                             CAST(:statuses AS text[]), CAST(:types AS text[]), CAST(:sources AS text[]),
                             CAST(:customers AS text[]), CAST(:products AS text[]), CAST(:categories AS text[]),
                             CAST(:memberships AS text[]))
                   AS paid (id, created, amount, status, type, source, customer, product, category, membership)
    ), payment AS (
        INSERT INTO mx.payments
               (merchant_id, mx_payment_id, created, amount, status, type, source, payload, observed_at)
        SELECT :merchant_id, id, created, amount, status, type, source, '{}', now() FROM paid
    ), person AS (
        INSERT INTO mx.payment_people (merchant_id, mx_payment_id, customer_name)
        SELECT :merchant_id, id, customer FROM paid WHERE customer IS NOT NULL
    ), workflow AS (
        INSERT INTO mx.transaction_workflow (merchant_id, mx_payment_id, membership_status)
        SELECT :merchant_id, id, membership FROM paid WHERE membership IS NOT NULL
    )
    INSERT INTO mx.enriched_transactions (merchant_id, mx_payment_id, has_invoice, product_name, product_category)
    SELECT :merchant_id, id, false, product, category FROM paid
"""


def coded(payments: int) -> Callable[[int], int]:
    """Amounts nearly equal, whose sums tell which they are."""
    return lambda place: (1 << (payments + 16)) + (1 << place)


def published(investor: Person) -> list[Figure]:
    return [Figure(*row) for statement in SUMS for row in investor.reads(statement)]


def taken_apart(figure: Figure, payments: int) -> frozenset[int]:
    """The places of the payments that the sum is made of."""
    base = 1 << (payments + 16)
    bits = int(figure.amount) % base
    parts = frozenset(place for place in range(payments) if bits >> place & 1)
    assert len(parts) == figure.payments == int(figure.amount) // base, figure
    return parts


def small_groups_found(payments: Sequence[Paid], known: Sequence[frozenset[int]]) -> Iterator[frozenset[int]]:
    """Groups of fewer than 5 customers whose sum follows, by adding and subtracting, from sums that are known.

    Payments that are in the same sums cannot be told apart, so what follows is made of such classes.
    """
    classes: dict[tuple[bool, ...], set[int]] = {}
    for place in range(len(payments)):
        classes.setdefault(tuple(place in group for group in known), set()).add(place)
    classes.pop((False,) * len(known), None)
    matrix = np.array(list(classes), dtype=float).T
    members = [frozenset(group) for group in classes.values()]
    small = [place for place, group in enumerate(members) if customers(payments, group) < FEWEST]
    for chosen in _combined(small):
        group = frozenset().union(*(members[place] for place in chosen))
        if customers(payments, group) < FEWEST and _follows(matrix, chosen):
            yield group


def customers(payments: Sequence[Paid], group: Iterable[int]) -> int:
    return len({payments[place].customer for place in group} - {None})


def _combined(small: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for size in range(1, MOST_CLASSES_COMBINED + 1):
        yield from combinations(small, size)


def _follows(matrix: np.ndarray, chosen: Sequence[int]) -> bool:
    wanted = np.zeros(matrix.shape[1])
    wanted[list(chosen)] = 1
    return bool(np.linalg.matrix_rank(matrix) == np.linalg.matrix_rank(np.vstack([matrix, wanted])))
