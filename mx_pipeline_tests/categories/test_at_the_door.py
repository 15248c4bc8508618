"""D24: what no rule knows, rules that contradict each other, and patterns that were made to take forever."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from mx_pipeline.access import OPERATOR
from mx_pipeline.errors import BadInput
from mx_pipeline.warehouse.categories import set_thresholds
from mx_pipeline_tests.categories.conftest import ACTOR, Shop
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

ENDLESS = [
    "(a+)+$",
    "(a|a)*$",
    "(a|aa)+$",
    r"(.*a){20}$",
    "(a*)*b",
    "(x+x+)+y",
    "([a-z]+)*!",
    "(a?){50}a{50}",
]
SECONDS = 60
"""On a machine that does nothing else they take less than one; a search for ever takes for ever."""


@pytest.mark.parametrize("pattern", ENDLESS)
def test_d24_a_pattern_that_makes_others_search_for_ever_is_refused_or_quick(
    shop: Shop, pattern: str
) -> None:
    shop.sells("a" * 5_000 + "!", "ab" * 2_500)
    shop.syncs("full")

    began = time.monotonic()
    try:
        shop.rules("Found", kind="regex", pattern=pattern)
    except BadInput:
        assert shop.clinic.rows("SELECT * FROM mx.category_rules") == []
    shop.derives()

    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"kind": "regex", "pattern": r"(a)\1"}, "refer back"),
        ({"kind": "regex", "pattern": "(?=a)"}, "looks around"),
        ({"kind": "regex", "pattern": "(?i)a"}, "sets options"),
        ({"kind": "regex", "pattern": "***=a"}, "begin with"),
        ({"kind": "regex", "pattern": "a{1,101}"}, "more than 100 times"),
        ({"kind": "regex", "pattern": "((a{50}){50}){50}"}, "multiply to more"),
        ({"kind": "regex", "pattern": "("}, "unclosed"),
        ({"kind": "regex", "pattern": "a" * 201}, "1 to 200"),
        ({"kind": "contains", "pattern": ""}, "1 to 200"),
        ({"kind": "contains", "pattern": "a\0"}, "1 to 200"),
        ({"kind": "contains"}, "only one by price alone"),
        ({"kind": "price"}, "needs --min-price"),
        ({"kind": "price", "min_price": "NaN"}, "is no price"),
        ({"kind": "price", "min_price": "2", "max_price": "1"}, "swap them"),
        ({"kind": "sounds_like", "pattern": "a"}, "no kind of rule"),
        ({"kind": "contains", "pattern": "a", "active_from": "2026-02-01", "active_until": "2026-02-01"}, "later end"),
        ({"kind": "contains", "pattern": "a", "priority": 2**31}, "no priority"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_is_refused_with_what_to_type(
    shop: Shop, rule: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        shop.rules("Category", **rule)

    assert shop.clinic.rows("SELECT * FROM mx.category_rules") == []


def test_d24_what_no_rule_knows_is_uncategorised_and_says_so(shop: Shop) -> None:
    (payment,) = shop.sells("Never heard of")
    shop.rules("Kits", kind="contains", pattern="kit")

    shop.syncs("full")

    assert shop.categories() == {payment: ("Uncategorized", "none")}


def test_names_and_patterns_are_data_never_sql(shop: Shop) -> None:
    hostile = "'; DROP TABLE mx.payments; --"
    one, other = shop.sells(hostile, "%_.*")
    shop.names_all({hostile: hostile})
    shop.rules("Literal", kind="contains", pattern="%_.*")
    shop.rules("Everything", kind="starts_with", pattern="%")

    shop.syncs("full")

    assert shop.categories() == {one: (hostile, "exact_name"), other: ("Literal", "rule")}


@pytest.mark.parametrize("category", ["", "   ", "a\0b", "x" * 201, "line\nbreak"])
def test_a_category_that_cannot_be_is_refused(shop: Shop, category: str) -> None:
    with pytest.raises(BadInput, match="cannot be a category"):
        shop.names_all({"Kit": category})


def test_thresholds_that_cannot_be_are_refused(shop: Shop) -> None:
    with (
        pytest.raises(BadInput, match="between 0 and 1"),
        shop.clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant,
    ):
        set_thresholds(tenant, actor=ACTOR, apply_from=Decimal("0.5"), ask_from=Decimal("0.6"))
