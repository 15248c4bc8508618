"""Override, exact name, rule, suggestion, in this order; and whatever is done in between, the override stands."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from mx_pipeline.operations.trace_json import as_json_object
from mx_pipeline.operations.trace_words import in_words
from mx_pipeline.warehouse.loading import Merged
from mx_pipeline.warehouse.tracing import trace
from mx_pipeline_tests.categories.conftest import ACTOR, Shop
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

EVERYTHING = "SELECT * FROM mx.enriched_transactions ORDER BY 1, 2"


def test_the_first_rule_that_fits_decides_where_no_name_does(shop: Shop) -> None:
    plan, pen, other = shop.sells("TRT Monthly", "Semaglutide PEN 2.5mg", "Membership")
    shop.names_all({"TRT Monthly": "TRT"})
    shop.rules("Wrong", kind="contains", pattern="trt")
    shop.rules("Late", kind="regex", pattern=r"^semaglutide\M", priority=200)
    rule = shop.rules("Weight Loss", kind="contains", pattern="sEMAglutide")
    shop.rules("Same priority, but younger", kind="starts_with", pattern="sema")

    shop.syncs("full")

    assert shop.categories() == {
        plan: ("TRT", "exact_name"),
        pen: ("Weight Loss", "rule"),
        other: ("Uncategorized", "none"),
    }
    told = shop.clinic.rows(
        "SELECT category_rule_id, category_decided_by FROM mx.enriched_transactions WHERE mx_payment_id = :id",
        id=pen,
    )
    assert told == [(rule, ACTOR)]


def test_a_rule_holds_for_its_prices_and_its_days_in_the_clinics_own_zone(shop: Shop) -> None:
    # Chicago: the first of March begins at 06:00 UTC.
    before, inside, after = (
        shop.sells("Kit", price="99.99", created=created)[0]
        for created in ("2026-03-01T05:59:59Z", "2026-03-01T06:00:00Z", "2026-04-01T05:00:00Z")
    )
    dear, cheap = (
        shop.sells("Kit", price=price, created="2026-03-10T12:00:00Z")[0] for price in ("100.01", "50")
    )
    shop.rules("March", kind="price", min_price="50.01", max_price="100", active_from="2026-03-01",
               active_until="2026-04-01")  # fmt: skip

    shop.syncs("full")

    found = {payment: category for payment, (category, _) in shop.categories().items()}
    assert found == {
        before: "Uncategorized", inside: "March", after: "Uncategorized", dear: "Uncategorized",
        cheap: "Uncategorized",
    }  # fmt: skip


def test_a_name_with_a_trailing_space_is_found_as_it_was_sent(shop: Shop) -> None:
    spaced, trimmed = shop.sells("A/B. C ", "Plain")
    shop.names_all({"A/B. C ": "Kept exactly", "Plain": "Trimmed", "Plain ": "Never sold so"})

    shop.syncs("full")

    assert shop.categories() == {
        spaced: ("Kept exactly", "exact_name"),
        trimmed: ("Trimmed", "exact_name"),
    }


def test_an_edit_is_in_force_after_the_next_sync_of_an_unchanged_merchant(shop: Shop) -> None:
    (payment,) = shop.sells("Kit")
    shop.syncs("full")

    shop.rules("Kits", kind="contains", pattern="kit")
    shop.syncs("incremental")

    assert shop.categories() == {payment: ("Kits", "rule")}
    assert shop.ledger(payment) == [("Uncategorized", "Kits")]


def test_a_return_has_the_category_of_what_was_returned(shop: Shop) -> None:
    (sale,) = shop.sells("Kit", created="2026-03-10T12:00:00Z")
    (back,) = shop.clinic.mx.has_payments(
        MERCHANT, {"type": "Return", "originalId": sale, "created": "2026-05-10T12:00:00Z"}
    )
    shop.rules("March", kind="contains", pattern="kit", active_until="2026-04-01")
    shop.syncs("full")
    assert shop.categories() == {sale: ("March", "rule"), back: ("March", "rule")}

    shop.overrides("By hand", payment=sale)
    shop.derives()

    assert shop.categories() == {sale: ("By hand", "override"), back: ("By hand", "override")}


@pytest.mark.parametrize("order", list(permutations(["override", "rule", "resync", "derive"])))
def test_the_override_stands_whatever_comes_in_which_order(shop: Shop, order: tuple[str, ...]) -> None:
    one, other = shop.sells("Kit", "Kit")
    shop.syncs("full")
    steps: dict[str, Any] = {
        "override": lambda: shop.overrides("By hand", payment=one),
        "rule": lambda: shop.rules("By rule", kind="contains", pattern="kit"),
        "resync": lambda: shop.syncs("full"),
        "derive": shop.derives,
    }

    for step in order:
        steps[step]()
    shop.derives()

    assert shop.categories() == {one: ("By hand", "override"), other: ("By rule", "rule")}
    told = shop.ledger(one)
    assert told[-1][1] == "By hand"
    assert [before for before, _ in told[1:]] == [after for _, after in told[:-1]]  # no change is missing


def test_what_a_human_took_back_is_decided_by_the_rules_again(shop: Shop) -> None:
    one, other = shop.sells("Kit", "Kit")
    shop.rules("By rule", kind="contains", pattern="kit")
    shop.overrides("Of the product", product="Kit")
    shop.syncs("full")
    shop.overrides("Of the payment", payment=one)
    shop.derives()
    assert shop.categories() == {one: ("Of the payment", "override"), other: ("Of the product", "override")}

    shop.takes_back(payment=one)
    shop.takes_back(product="Kit")
    shop.derives()

    assert shop.categories() == {one: ("By rule", "rule"), other: ("By rule", "rule")}
    assert [after for _, after in shop.ledger(one)] == ["Of the payment", "By rule"]


def test_what_was_derived_is_rebuilt_bit_for_bit_without_a_call(shop: Shop) -> None:
    shop.sells("Kit", "Pen", "TRT Monthly")
    shop.names_all({"Pen": "Pens"})
    shop.rules("Kits", kind="contains", pattern="kit")
    shop.overrides("By hand", product="TRT Monthly")
    shop.syncs("full")
    before = shop.clinic.rows(EVERYTHING)
    shop.clinic.mx.reset_calls()
    shop.clinic.warehouse.damage("DELETE FROM mx.enriched_transactions; DELETE FROM mx.payment_invoices")

    shop.derives()

    assert shop.clinic.rows(EVERYTHING) == before
    assert shop.clinic.mx.call_count(MERCHANT) == 0
    assert shop.derives() == Merged()


def test_trace_tells_who_decided_and_every_change(shop: Shop) -> None:
    (payment,) = shop.sells("Kit")
    shop.syncs("full")
    rule = shop.rules("Kits", kind="contains", pattern="kit")
    shop.derives()
    shop.overrides("By hand", payment=payment)
    shop.derives()

    with shop.clinic.warehouse.loader.merchant(MERCHANT) as tenant:
        found = trace(tenant, payment)

    told = "\n".join(in_words(found))
    assert f"category: By hand (by hand, {ACTOR} at " in told
    assert "Uncategorized became Kits (rule)" in told
    assert "Kits became By hand (override)" in told
    changes: Any = as_json_object(found)["category"]
    assert [change["rule_id"] for change in changes["changes"]] == [rule, None]
