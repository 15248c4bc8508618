"""The rule lab as a page: a rule is tried, made and withdrawn; a wrong one comes back with what to type."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.suggestions import Suggestion, keep_suggestions
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.web.conftest import Answering, Web
from mx_pipeline_tests.operations.web.pages.test_pages import Browsing

HERE = f"/clinics/{MERCHANT}/categories"
CATEGORIES = "SELECT product_category FROM mx.enriched_transactions ORDER BY 1"


@pytest.fixture
def admin(web: Web, clinic: Callable[..., int], mx: SyntheticMx, worker: Answering) -> Browsing:
    clinic()
    for name in ("Kit <b>A</b>", "Kit B", "Pen"):
        invoices = mx.has_invoices(MERCHANT, {"purchases": [{"productName": name, "totalAmount": "100"}]})
        mx.has_payments(MERCHANT, {"invoiceIds": invoices})
    asked = {"merchantId": MERCHANT, "transactionCount": 20}
    answer = web.call(
        "POST", "/api/sync/manual", token=web.token("tenant_owner"), json=asked, headers={"Prefer": "wait=30"}
    )
    assert answer.json()["outcome"] == "success"
    return Browsing(web, web.token("tenant_admin"))


def test_a_rule_is_tried_then_made_then_withdrawn(admin: Browsing, web: Web) -> None:
    tried = admin.opens(f"{HERE}?kind=contains&text=kit&category=Kits").text

    assert "Kit &lt;b&gt;A&lt;/b&gt;, Kit B" in tried
    assert "Make this rule" in tried
    assert {row[0] for row in web.warehouse.rows(CATEGORIES)} == {"Uncategorized"}  # looking writes nothing

    made = admin.send(HERE, kind="contains", text="kit", category="Kits")
    assert (made.status_code, made.headers["Location"]) == (303, f"{HERE}?done=made")
    assert [row[0] for row in web.warehouse.rows(CATEGORIES)] == ["Kits", "Kits", "Uncategorized"]
    assert "“<bdi>kit</bdi>”" in admin.opens(HERE).text

    assert admin.send(f"{HERE}/withdraw", rule="1").status_code == 303
    assert {row[0] for row in web.warehouse.rows(CATEGORIES)} == {"Uncategorized"}
    assert (
        "No payment in all of history would change"
        in admin.opens(f"{HERE}?kind=contains&text=nobody+sold+this&category=Kits").text
    )


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("kind=regex&text=(&category=Kits", "unclosed"),
        ("kind=regex&text=(a)%5C1&category=Kits", "refer back"),
        ("kind=contains&text=kit&category=", "cannot be a category"),
        ("kind=price&category=Kits", "needs --min-price"),
        ("kind=price&min_price=dear&category=Kits", "type a price as a number"),
        ("kind=sounds&text=kit&category=Kits", "choose what a name must be like"),
        ("kind=contains&text=a%00&category=Kits", "1 to 200"),
        ("kind=contains&text=kit&category=Kits&from=2026-13-01", "2026"),
    ],
)
def test_a_rule_that_cannot_be_comes_back_with_what_to_type(
    web: Web, clinic: Callable[..., int], query: str, words: str
) -> None:
    clinic()

    answer = Browsing(web, web.token("tenant_admin")).opens(f"{HERE}?{query}")

    assert answer.status_code == 422
    assert words.lower() in answer.text.lower()


def test_who_only_reads_may_try_and_is_shown_no_button_that_writes(
    web: Web, clinic: Callable[..., int]
) -> None:
    clinic()

    page = Browsing(web, web.token("viewer")).opens(f"{HERE}?kind=contains&text=kit&category=Kits").text

    assert "What it would change" in page
    assert "Make this rule" not in page


def test_a_suggestion_that_waits_is_answered_with_yes_with_another_word_or_with_no(
    admin: Browsing, web: Web
) -> None:
    said = [Suggestion(name, "Pens", 0.7) for name in ("Kit <b>A</b>", "Kit B", "Pen")]
    with web.warehouse.loader.merchant(MERCHANT) as tenant:
        keep_suggestions(tenant, said, model="test", actor="process:test")
    there = f"{HERE}/suggestions"

    assert "3 suggestions wait" in admin.opens(HERE).text
    queue = admin.opens(there).text
    assert "Kit &lt;b&gt;A&lt;/b&gt;" in queue
    assert "70% sure" in queue
    assert "No category for it" not in Browsing(web, web.token("viewer")).opens(there).text

    yes = admin.send(there, product="Pen", category="Pens", answer="yes")
    other = admin.send(there, product="Kit <b>A</b>", category="Kits", answer="yes")
    no = admin.send(there, product="Kit B", category="Pens", answer="no")
    assert [one.headers["Location"].partition("=")[2] for one in (yes, other, no)] == ["accepted"] * 2 + [
        "rejected"
    ]
    assert [row[0] for row in web.warehouse.rows(CATEGORIES)] == ["Kits", "Pens", "Uncategorized"]
    assert "Nothing waits for you" in admin.opens(there).text

    wrong = [admin.send(there, product="Nobody sold this", category="Pens", answer="yes"),
             admin.send(there, product="Pen", category=" ", answer="yes")]  # fmt: skip
    assert [one.status_code for one in wrong] == [422, 422]
    assert "nothing is suggested" in wrong[0].text
