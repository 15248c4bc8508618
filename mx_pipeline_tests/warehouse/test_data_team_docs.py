"""The examples of docs/data-team.md, run as they stand by an analyst."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from mx_pipeline_tests.fakes.clinic import Clinic, a_clinic, mx, synthetic_mx
from mx_pipeline_tests.fakes.people_with_sql import PeopleWithSql, people
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

__all__ = ["a_clinic", "mx", "people", "synthetic_mx"]

PAGE = (Path(__file__).parents[2] / "docs" / "data-team.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```sql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
RELATION = re.compile(r"`mx\.(\w+)`")
EMPTY = "no row comes back"


def test_every_example_answers_an_analyst(a_clinic: Callable[..., Clinic], people: PeopleWithSql) -> None:
    clinic = a_clinic(MERCHANT, payments=120)
    assert clinic.sync("full").outcome == "success"
    # As if it had been synced all along, so that the past has something to say.
    clinic.warehouse.damage("UPDATE mx.payments SET first_seen_at = created")
    analyst = people.add(MERCHANT, sees_names=True)

    found = {example: analyst.reads(example) for example in EXAMPLES}

    assert len(found) >= 7
    assert {example for example, rows in found.items() if not rows} == {
        example for example in EXAMPLES if EMPTY in example
    }


def test_every_relation_on_the_page_is_an_analysts_to_read(
    a_clinic: Callable[..., Clinic], people: PeopleWithSql
) -> None:
    a_clinic(MERCHANT)
    analyst = people.add(MERCHANT)

    relations = sorted({*RELATION.findall(PAGE)})

    assert len(relations) >= 15
    for relation in relations:
        analyst.reads(f"SELECT merchant_id FROM mx.{relation}")
