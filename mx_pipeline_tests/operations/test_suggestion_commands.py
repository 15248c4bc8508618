"""`mx-pipeline categories train|suggestions|accept|reject|thresholds|try --model`: what a person types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline_tests.fakes.people import has_person_as, token_of
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here
from mx_pipeline_tests.suggesting.shelf import a_shelf

SOLD = ("Semaglutide 7 weeks", "Blood Panel again", "Gift card")


@pytest.fixture
def named(here: Here, clinic: Callable[..., int], mx: SyntheticMx, tmp_path: Path) -> None:
    """A clinic that named sixty products, and sold three others."""
    clinic()
    for name in SOLD:
        lines = {"purchases": [{"productName": name, "totalAmount": "100"}]}
        mx.has_payments(MERCHANT, {"amount": "100.00", "invoiceIds": mx.has_invoices(MERCHANT, lines)})
    file = tmp_path / "names.csv"
    file.write_text(
        "product_name,category\n" + "".join(f"{name},{category}\n" for name, category in a_shelf(60).items())
    )
    assert here("sync", MERCHANT, "--full").code == 0
    assert here("categories", "import", MERCHANT, file).code == 0


def test_a_model_is_tried_then_trained_then_answered(
    here: Here, named: None, warehouse: WarehouseUnderTest
) -> None:
    here("categories", "thresholds", MERCHANT, "--apply-from", "0.7", "--ask-from", "0.5")
    tried: Any = here("categories", "try", MERCHANT, "--model", "--json").answer
    assert {(c["category"], c["source"], *c["products"]) for c in tried["changes"]} == {
        ("Weight Loss", "suggestion", "Semaglutide 7 weeks"),
        ("Labs", "suggestion", "Blood Panel again"),
    }
    assert warehouse.rows("SELECT * FROM mx.category_suggestions") == []
    assert categories(warehouse) == ["Uncategorized"] * 3

    told = here("categories", "train", MERCHANT)
    assert "learned from 60 products that this merchant's people decided" in told.out
    assert "held out by product: " in told.out
    assert "of 3 products that nobody decided, 2 are applied and 0 wait" in told.out
    assert "2 payments changed by it" in told.out
    assert categories(warehouse) == ["Weight Loss", "Labs", "Uncategorized"]

    here("categories", "thresholds", MERCHANT, "--apply-from", "1")
    assert categories(warehouse) == ["Uncategorized"] * 3
    queue = here("categories", "suggestions", MERCHANT).out
    assert "Semaglutide 7 weeks" in queue
    assert "100.00" in queue
    waiting: Any = here("categories", "suggestions", MERCHANT, "--json").answer
    assert [(row["product_name"], row["payments"]) for row in waiting["suggestions"]] == [
        ("Blood Panel again", 1),
        ("Semaglutide 7 weeks", 1),
    ]

    done = here(
        "categories", "accept", MERCHANT, "Semaglutide 7 weeks", "--category", "GLP-1", "--from", "2020-01-01"
    )
    assert done.out == "done; 1 payments changed by it\n"
    assert (
        "it would change nothing" in here("categories", "try", MERCHANT, "--model").out
    )  # what was accepted stays
    here("categories", "reject", MERCHANT, "Blood Panel again")
    assert categories(warehouse) == ["GLP-1", "Uncategorized", "Uncategorized"]
    assert "nothing waits for you" in here("categories", "suggestions", MERCHANT).out
    assert "rejected" in here("categories", "suggestions", MERCHANT, "--all").out
    here("categories", "accept", MERCHANT, "Semaglutide 7 weeks", "--until", "2020-01-01")
    assert categories(warehouse) == ["Uncategorized"] * 3  # sold since
    told_of = warehouse.rows(
        "SELECT detail FROM mx.audit_log WHERE action = 'category.changed' ORDER BY entry"
    )
    assert [detail.get("decision", detail.get("suggested")) for (detail,) in told_of][-4:] == [
        None, "accepted", "rejected", "accepted"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("accept", "Wine"), "nothing is suggested for the product 'Wine'"),
        (("accept", "Gift card", "--from", "2026-03-02", "--until", "2026-03-01"), "no day is both from"),
        (("accept", "Gift card", "--category", "a\nb"), "cannot be a category"),
        (("reject", "'; DROP TABLE mx.users; --"), "nothing is suggested for the product"),
        (("thresholds", "--apply-from", "nan"), "'nan' is no share"),
        (("thresholds", "--apply-from", "0.4"), "suggestions are applied from 0.4 and asked about from 0.6"),
        (("thresholds", "--ask-from", "-1"), "both lie between 0 and 1"),
        (("try",), "or --model"),
    ],
)
def test_wrong_words_are_answered_in_one_sentence(
    here: Here, clinic: Callable[..., int], words: tuple[str, ...], error: str
) -> None:
    clinic()

    told = here("categories", words[0], MERCHANT, *words[1:])

    assert told.code == 2
    assert error in " ".join(told.err.split())


def test_who_only_reads_sees_the_queue_and_changes_nothing(
    here: Here, clinic: Callable[..., int], warehouse: WarehouseUnderTest
) -> None:
    clinic()
    token = token_of(warehouse, has_person_as(warehouse, "viewer"))

    assert here("categories", "suggestions", MERCHANT, MX_TOKEN=token).code == 0
    for words in (("train",), ("accept", "Wine"), ("reject", "Wine"), ("thresholds", "--ask-from", "0")):
        assert here("categories", words[0], MERCHANT, *words[1:], MX_TOKEN=token).code == 4
    assert warehouse.rows("SELECT * FROM mx.category_books") == []


def categories(warehouse: WarehouseUnderTest) -> list[str]:
    rows = warehouse.rows("SELECT product_category FROM mx.enriched_transactions ORDER BY mx_payment_id")
    return [category for (category,) in rows]
