"""`mx-pipeline categories`: what a person types, and what becomes of the payments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline_tests.fakes.people import has_person_as, token_of
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

STRANGE = [
    "Ünïcode / 试剂.",
    "=1+1",
    "'quoted",
    "'=both",
    "trailing ",
    'a "b", c',
    "two\nlines",
    "+ B12",
    "@x",
]


@pytest.fixture
def sold(here: Here, clinic: Callable[..., int], mx: SyntheticMx) -> list[int]:
    """Two kits and a pen, synced."""
    clinic()
    payments = [
        mx.has_payments(
            MERCHANT,
            {
                "invoiceIds": mx.has_invoices(
                    MERCHANT, {"purchases": [{"productName": name, "totalAmount": "100"}]}
                )
            },
        )[0]
        for name in ("Kit A", "Kit B", "Pen")
    ]
    assert here("sync", MERCHANT, "--full").code == 0
    return payments


def test_a_rule_is_tried_then_made_then_withdrawn(
    here: Here, sold: list[int], warehouse: WarehouseUnderTest
) -> None:
    words = ("--contains", "kit", "--category", "Kits")

    tried: Any = here("categories", "try", MERCHANT, *words, "--json").answer
    assert [(c["category_before"], c["category"], c["payments"]) for c in tried["changes"]] == [
        ("Uncategorized", "Kits", 2)
    ]
    assert tried["changes"][0]["products"] == ["Kit A", "Kit B"]
    assert categories(warehouse) == ["Uncategorized"] * 3  # nothing was written

    made = here("categories", "rules", "add", MERCHANT, *words)
    assert made.out == "rule 1 holds; 2 payments changed by it\n"
    assert categories(warehouse) == ["Kits", "Kits", "Uncategorized"]

    without: Any = here("categories", "try", MERCHANT, "--without", 1, "--json").answer
    assert [(c["category_before"], c["category"]) for c in without["changes"]] == [("Kits", "Uncategorized")]
    assert "contains 'kit'" in here("categories", "rules", "list", MERCHANT).out

    here("categories", "rules", "withdraw", MERCHANT, 1)
    assert categories(warehouse) == ["Uncategorized"] * 3
    assert "withdrawn by" in here("categories", "rules", "list", MERCHANT, "--withdrawn").out


def test_a_rule_that_is_tried_has_no_more_say_than_it_would_have(
    here: Here, sold: list[int], warehouse: WarehouseUnderTest
) -> None:
    here("categories", "rules", "add", MERCHANT, "--starts-with", "kit a", "--category", "Older")

    tried: Any = here(
        "categories", "try", MERCHANT, "--regex", "kit", "--category", "Younger", "--json"
    ).answer

    assert [(c["category"], c["payments"], c["products"]) for c in tried["changes"]] == [
        ("Younger", 1, ["Kit B"])
    ]
    here("categories", "rules", "add", MERCHANT, "--regex", "kit", "--category", "Younger")
    assert categories(warehouse) == ["Older", "Younger", "Uncategorized"]


def test_names_and_hands(here: Here, sold: list[int], warehouse: WarehouseUnderTest) -> None:
    here("categories", "set", MERCHANT, "Pen", "Pens")
    here("categories", "override", MERCHANT, "By hand", "--payment", sold[0], "--reason", "we asked")
    here("categories", "override", MERCHANT, "All pens", "--product", "Pen")
    assert categories(warehouse) == ["By hand", "Uncategorized", "All pens"]
    told = here("categories", "list", MERCHANT).out
    assert "Pens" in told
    assert "we asked" in told

    here("categories", "withdraw-override", MERCHANT, "--product", "Pen")
    assert categories(warehouse) == ["By hand", "Uncategorized", "Pens"]
    here("categories", "unset", MERCHANT, "Pen")
    assert categories(warehouse) == ["By hand", "Uncategorized", "Uncategorized"]
    assert here("categories", "withdraw-override", MERCHANT, "--product", "Pen").code == 2


def test_every_name_goes_into_a_file_and_comes_back_as_it_was(
    here: Here, clinic: Callable[..., int], warehouse: WarehouseUnderTest, tmp_path: Path
) -> None:
    clinic()
    for number, name in enumerate(STRANGE):
        assert here("categories", "set", MERCHANT, name, f"Category {number}").code == 0
    stored = "SELECT product_name, category FROM mx.product_categories WHERE is_active ORDER BY 2"
    before = warehouse.rows(stored)

    here("categories", "export", MERCHANT, tmp_path / "c.csv")
    warehouse.damage("UPDATE mx.product_categories SET is_active = false")
    told = here("categories", "import", MERCHANT, tmp_path / "c.csv")

    assert told.code == 0, told.err
    assert warehouse.rows(stored) == before
    written = (tmp_path / "c.csv").read_text(encoding="utf-8")
    assert "\n'=1+1,Category 1\n" in written  # no formula for a spreadsheet
    assert len(before) == len(STRANGE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("product_name,category\nPen,Pens\nKit A\n", "c.csv, line 3: 1 columns where there are 2"),
        ("product_name,category\n\n  ,Pens\n", "c.csv, line 3: ' ' cannot be a product's name"),
        ("product_name,category\nPen,\n", "c.csv, line 2: '' cannot be a category"),
        ("product_name,category\nPen,A\nKit,B\nPen,C\n", "c.csv, line 4: the product 'Pen' has another category"),
        ("name,kind\nPen,A\n", "c.csv, line 1: the first line has to be product_name,category"),
        ('product_name,category\nPen,A\n"Kit,B\n', "c.csv, line 3: this is no CSV"),
        ("", "c.csv, line 1: the first line"),
    ],
)  # fmt: skip
def test_a_bad_file_is_refused_with_its_line_and_nothing_is_half_imported(
    here: Here,
    clinic: Callable[..., int],
    warehouse: WarehouseUnderTest,
    tmp_path: Path,
    text: str,
    words: str,
) -> None:
    clinic()
    (tmp_path / "c.csv").write_text(text, encoding="utf-8")

    told = here("categories", "import", MERCHANT, tmp_path / "c.csv")

    assert told.code == 2
    assert words in told.err
    assert warehouse.rows("SELECT * FROM mx.product_categories") == []


def test_who_only_reads_changes_nothing_and_that_is_recorded(
    here: Here, clinic: Callable[..., int], warehouse: WarehouseUnderTest
) -> None:
    clinic()
    token = token_of(warehouse, has_person_as(warehouse, "viewer"))

    told = here("categories", "set", MERCHANT, "Pen", "Pens", MX_TOKEN=token)

    assert told.code == 4
    assert here("categories", "list", MERCHANT, MX_TOKEN=token).code == 0
    assert warehouse.rows("SELECT * FROM mx.product_categories") == []
    assert warehouse.value("SELECT count(*) FROM mx.audit_log WHERE action = 'access.refused'") == 1


def categories(warehouse: WarehouseUnderTest) -> list[str]:
    return [
        category
        for (category,) in warehouse.rows(
            "SELECT product_category FROM mx.enriched_transactions ORDER BY mx_payment_id"
        )
    ]
