"""The pages that are made from the code are what the code says, and leave nothing out."""

from __future__ import annotations

import re
from pathlib import Path

from mx_pipeline.operations import border, error_catalogue
from mx_pipeline.operations.error_catalogue import CATALOGUE, classes, meaning
from mx_pipeline.operations.web.problems import CODES
from mx_pipeline.operations.web.webhooks import PROBLEMS
from mx_pipeline_tests.docs import column_page

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
TOLD = re.compile(r"""(?:_refused|problem)\([^)]*?"([a-z_]+)",|CODES\.get\([^)]*"([a-z_]+)"\)""")
"""Codes that stand as words where a refusal is made."""


def codes_in_use() -> set[str]:
    words = {kind.code for kind in classes()} | set(CODES.values()) | {code for code, _ in PROBLEMS.values()}
    for path in (Path(border.__file__), *(PROJECT / "mx_pipeline/operations/web").glob("*.py")):
        for found in TOLD.findall(path.read_text(encoding="utf-8")):
            words |= {word for word in found if word}
    return words


def test_every_code_has_its_entry_and_every_entry_is_of_a_code() -> None:
    assert {"internal", "interrupted", "usage", "refused", "unreadable", "mx_rate_limited"} <= codes_in_use()
    assert codes_in_use() == CATALOGUE.keys()


def test_every_class_has_a_code_of_its_own_and_every_entry_says_something() -> None:
    codes = [kind.code for kind in classes()]

    assert len(codes) == len(set(codes))
    assert [code for code, entry in CATALOGUE.items() if not (meaning(code) and entry.to_do)] == []


def test_every_run_book_that_is_linked_is_there() -> None:
    heads = re.findall(r"^## (.+)$", (DOCS / "run-books.md").read_text(encoding="utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head in heads}

    assert {entry.run_book for entry in CATALOGUE.values()} <= anchors


def test_the_pages_are_what_make_docs_writes(database_url: str) -> None:
    assert (DOCS / "errors.md").read_text(encoding="utf-8") == error_catalogue.page()
    assert (DOCS / "columns.md").read_text(encoding="utf-8") == column_page.page(database_url)


def test_whatever_people_with_sql_read_says_what_it_means(database_url: str) -> None:
    assert column_page.without_a_comment(database_url) == []
