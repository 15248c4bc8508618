"""A clinic that sold three products, and a person who names them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from mx_pipeline.access import OPERATOR
from mx_pipeline.warehouse.categories import Subject, set_categories, set_override, withdraw_override
from mx_pipeline.warehouse.category_rules import Rule, add_rule, withdraw_rule
from mx_pipeline.warehouse.deriving import derive_again
from mx_pipeline.warehouse.loading import Merged
from mx_pipeline_tests.fakes.clinic import Clinic, a_clinic, mx, synthetic_mx
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

__all__ = ["ACTOR", "Shop", "a_clinic", "mx", "shop", "synthetic_mx"]
ACTOR = "operator:test"


class Shop:
    """What is sold there, and what it is called."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic

    def sells(self, *names: str, price: str = "200", created: str | None = None) -> list[int]:
        """One payment for one invoice with one line, each."""
        when = {} if created is None else {"created": created}
        return [
            self.clinic.mx.has_payments(
                MERCHANT,
                {
                    "invoiceIds": self.clinic.mx.has_invoices(
                        MERCHANT,
                        {
                            "purchases": [{"productName": name, "price": price, "totalAmount": price}],
                            **when,
                        },
                    ),
                    **when,
                },
            )[0]
            for name in names
        ]

    def names(self, **categories: str | None) -> None:
        self.names_all(categories)

    def names_all(self, categories: dict[str, str | None]) -> None:
        with self.clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
            set_categories(tenant, categories, actor=ACTOR)

    def rules(self, category: str, **rule: Any) -> int:
        for price in ("min_price", "max_price"):
            if price in rule:
                rule[price] = Decimal(rule[price])
        with self.clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
            return add_rule(tenant, Rule(category=category, **rule), actor=ACTOR)

    def withdraws_rule(self, rule_id: int) -> None:
        with self.clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
            withdraw_rule(tenant, rule_id, actor=ACTOR)

    def overrides(self, category: str, *, payment: int | None = None, product: str | None = None) -> None:
        with self.clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
            set_override(tenant, Subject(payment, product), category, actor=ACTOR, reason="we know better")

    def takes_back(self, *, payment: int | None = None, product: str | None = None) -> None:
        with self.clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
            withdraw_override(tenant, Subject(payment, product), actor=ACTOR)

    def derives(self) -> Merged:
        return derive_again(self.clinic.warehouse.loader, MERCHANT)

    def syncs(self, mode: str = "incremental") -> None:
        report = self.clinic.sync(mode)
        assert report.outcome == "success", report.message

    def categories(self) -> dict[int, tuple[str, str]]:
        """Payment to category and its source."""
        return {
            payment: (category, source)
            for payment, category, source in self.clinic.rows(
                "SELECT mx_payment_id, product_category, category_source FROM mx.enriched_transactions"
            )
        }

    def ledger(self, payment: int) -> list[tuple[str, str]]:
        return [
            (before, after)
            for before, after in self.clinic.rows(
                "SELECT category_before, category FROM mx.category_history"
                " WHERE mx_payment_id = :payment ORDER BY changed_at",
                payment=payment,
            )
        ]


@pytest.fixture
def shop(a_clinic: Callable[..., Clinic]) -> Shop:
    return Shop(a_clinic())
