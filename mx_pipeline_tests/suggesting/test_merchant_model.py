"""What a model suggests, what a human says to that, and what neither another merchant nor a person's name adds."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from sqlalchemy import text

from mx_pipeline.access import OPERATOR
from mx_pipeline.errors import BadInput
from mx_pipeline.suggesting.learning import Example, Learned
from mx_pipeline.suggesting.merchant_model import Trained, learn, train
from mx_pipeline.warehouse.categories import set_categories, set_thresholds
from mx_pipeline.warehouse.suggestions import accept, list_suggestions, reject, shared_products
from mx_pipeline_tests.categories.conftest import ACTOR, Shop
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.suggesting.shelf import a_shelf

CANARY = "Zebulon Canarywing"
OTHERS = (1_000_000_002, 1_000_000_003, 1_000_000_004)
UNNAMED = ("Semaglutide 7 weeks", "Testosterone Cypionate 9mg", "Blood Panel again", "Gift card")


def test_sure_is_applied_doubtful_waits_the_rest_is_not_kept_and_a_humans_answer_stays(shop: Shop) -> None:
    wine, sema, panel, gift = (
        *shop.sells("Wine"),
        *shop.sells("Semaglutide 7 weeks", "Blood Panel", "Gift card"),
    )
    shop.names_all(a_shelf(80))
    shop.rules("Drinks", kind="contains", pattern="wine")
    shop.syncs("full")
    before = shop.clinic.warehouse.value("SELECT max(version) FROM mx.category_books")

    trained = _trains(shop)

    told = {one.product_name: one.category for one in trained.says}
    assert told == {"Semaglutide 7 weeks": "Weight Loss", "Blood Panel": "Labs"}  # the rule decides wine
    assert shop.categories() == {
        wine: ("Drinks", "rule"),
        sema: ("Weight Loss", "suggestion"),
        panel: ("Labs", "suggestion"),
        gift: ("Uncategorized", "none"),
    }
    assert trained.model.startswith("own ")

    _trains(shop)
    assert (
        shop.clinic.warehouse.value("SELECT max(version) FROM mx.category_books") == before + 1
    )  # said again: quiet

    with shop.clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        set_thresholds(tenant, actor=ACTOR, apply_from=_just_above(trained), ask_from=_half())
    shop.derives()
    assert [row.product_name for row in _queue(shop)] == ["Blood Panel", "Semaglutide 7 weeks"]
    assert shop.categories()[sema] == ("Uncategorized", "none")

    with shop.clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        reject(tenant, "Blood Panel", actor=ACTOR)
        accept(tenant, "Semaglutide 7 weeks", actor=ACTOR, category="GLP-1")
    for _ in range(2):
        assert _trains(shop).says == ()
        assert shop.categories()[sema] == ("GLP-1", "suggestion")
        assert shop.categories()[panel] == ("Uncategorized", "none")
        assert _queue(shop) == []
    (row,) = shop.clinic.rows(
        "SELECT category_confidence, category_decided_by FROM mx.enriched_transactions WHERE mx_payment_id = :id",
        id=sema,
    )
    assert row == (None, ACTOR)  # the model was sure of something else

    with shop.clinic.warehouse.loader.merchant(MERCHANT) as tenant:
        for forbidden in (
            "UPDATE mx.category_suggestions SET category = 'x'",
            "DELETE FROM mx.category_suggestions",
        ):
            assert tenant.connection.execute(text(forbidden)).rowcount == 0


def test_what_was_named_since_is_suggested_no_more(shop: Shop) -> None:
    shop.sells(*UNNAMED)
    shop.names_all(a_shelf(80))
    shop.syncs("full")
    assert len(_trains(shop).says) == 3

    shop.names_all({"Blood Panel again": "Labs"})
    _trains(shop)

    kept = shop.clinic.rows("SELECT product_name FROM mx.category_suggestions ORDER BY 1")
    assert [name for (name,) in kept] == ["Semaglutide 7 weeks", "Testosterone Cypionate 9mg"]


def test_names_that_differ_in_case_and_spaces_are_one_product_when_it_is_examined(shop: Shop) -> None:
    """Names without any meaning, each in three spellings: who saw one of them would know the others."""
    dice = Random(5)
    names = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz ", k=14)).strip() for _ in range(80)]
    shelf = {name: dice.choice(("A", "B", "C", "D")) for name in names}
    shop.names_all(
        {spelt: c for name, c in shelf.items() for spelt in (name, name.upper(), f" {name.title()}  ")}
    )

    trained = learn(shop.clinic.warehouse.loader, MERCHANT)

    assert trained.figures is not None
    assert trained.figures.products == 80
    assert trained.figures.accuracy < 0.5
    assert trained.says == ()
    assert "not surely better than always saying the commonest category" in trained.reason


def test_no_column_of_a_person_is_read(shop: Shop) -> None:
    """The loader may read what people named, and which products were sold; with nothing else it learns the same."""
    shop.sells(*UNNAMED)
    shop.clinic.mx.has_payments(MERCHANT, {"customerName": CANARY})
    shop.names_all(a_shelf(60))
    shop.syncs("full")
    warehouse = shop.clinic.warehouse
    assert (
        warehouse.value("SELECT count(*) FROM mx.payment_people WHERE customer_name = :name", name=CANARY)
        == 1
    )
    before = learn(warehouse.loader, MERCHANT)

    warehouse.damage("REVOKE SELECT ON ALL TABLES IN SCHEMA mx FROM mx_loader")
    warehouse.damage(
        "GRANT SELECT ON mx.category_overrides, mx.product_categories, mx.category_suggestions, mx.category_books"
        " TO mx_loader"
    )
    warehouse.damage(
        "GRANT SELECT (merchant_id, product_name, category_source) ON mx.enriched_transactions TO mx_loader"
    )

    assert learn(warehouse.loader, MERCHANT) == before
    assert len(before.says) == 3


def test_too_little_is_said_and_nothing_is_suggested(shop: Shop) -> None:
    shop.sells(*UNNAMED)
    shop.names_all(dict(list(a_shelf(60).items())[:19]))
    shop.syncs("full")

    trained = _trains(shop)

    assert trained.model == "none"
    assert "19 products that this merchant's people decided" in trained.reason
    assert "are too few" in trained.reason
    assert trained.figures is None
    assert shop.clinic.rows("SELECT * FROM mx.category_suggestions") == []


def test_a_newcomer_is_told_what_three_others_agree_on_and_a_name_of_fewer_changes_no_bit_of_it(
    shop: Shop,
) -> None:
    (sema, *_) = shop.sells(*UNNAMED)
    shop.syncs("full")
    warehouse, shelf = shop.clinic.warehouse, a_shelf(90)
    for merchant_id in OTHERS:
        warehouse.has_merchant(merchant_id)
        _knows(warehouse, merchant_id, shelf)
    before = _shared_model(warehouse)

    for merchant_id in OTHERS[:2]:  # of two, with words that all know
        _knows(warehouse, merchant_id, {"Semaglutide Lakeside Special": "Labs", "Zorblax": "TRT"})
    assert _shared_model(warehouse) == before

    trained = _trains(shop)
    assert trained.model.startswith("shared ")
    assert "0 products that this merchant's people decided" in trained.reason
    assert shop.categories()[sema] == ("Weight Loss", "suggestion")

    _knows(warehouse, OTHERS[2], {"Semaglutide Lakeside Special": "Labs"})
    assert _shared_model(warehouse) != before
    stored = warehouse.everything(but="product_categories").casefold()
    assert "zorblax" not in stored


def test_what_was_not_suggested_cannot_be_answered(shop: Shop) -> None:
    with (
        pytest.raises(BadInput, match="nothing is suggested for the product 'Wine'"),
        shop.clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant,
    ):
        accept(tenant, "Wine", actor=ACTOR)


def _trains(shop: Shop) -> Trained:
    return train(shop.clinic.warehouse.loader, MERCHANT, actor=ACTOR)[0]


def _queue(shop: Shop) -> list[object]:
    with shop.clinic.warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        return list(list_suggestions(tenant))


def _knows(warehouse: WarehouseUnderTest, merchant_id: int, shelf: dict[str, str]) -> None:
    with warehouse.app.merchant(merchant_id, person=OPERATOR) as tenant:
        set_categories(tenant, shelf, actor=ACTOR)
    train(warehouse.loader, merchant_id, actor=ACTOR)


def _shared_model(warehouse: WarehouseUnderTest) -> bytes:
    with warehouse.loader.merchant(MERCHANT) as tenant:
        examples = [Example(buckets, category) for category, buckets in shared_products(tenant)]
    return Learned(examples).weights.tobytes()


def _just_above(trained: Trained) -> Decimal:
    return min(Decimal("1"), Decimal(str(max(one.confidence for one in trained.says))) + Decimal("0.001"))


def _half() -> Decimal:
    return Decimal("0.5")
