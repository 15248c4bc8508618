"""Every page in a real browser: what axe finds, how it fits a phone, in the light and in the dark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from mx_pipeline.warehouse.suggestions import Suggestion, keep_suggestions, products_to_suggest
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.web.pages.conftest import PHONE, Site, Visitor

pytestmark = pytest.mark.system

LONG_NAME = (
    "Centre for Dermatology, Wellness, Regenerative Medicine and Donaudampfschifffahrtsgesellschaftskapitän"
)
RIGHT_TO_LEFT = "عيادة النور للأسنان"
SEVERE = ("moderate", "serious", "critical")


PAGES = (
    "sync",
    "transactions",
    "invoices",
    "categories",
    "categories?kind=price&min_price=1&category=Dear",
    "categories/suggestions",
    "reports",
    "invitations",
)


def test_every_page_is_readable_by_everybody(site: Site) -> None:
    site.warehouse.damage("UPDATE mx.mx_merchant_configs SET name = :name", name=RIGHT_TO_LEFT)
    owner, found = site.visitor("tenant_owner"), list[str]()
    watched = a_sync_that_is_done(owner)
    some_suggestions_wait(site)

    for path in (watched, "/clinics", *(f"/clinics/{MERCHANT}/{page}" for page in PAGES), "/invitation"):
        owner.goes(path)
        found += faults(owner, path)
    makes_a_mistake(owner)
    found += faults(owner, "the form with a mistake")
    stranger = site.visitor()
    stranger.goes("/signin")
    found += faults(stranger, "/signin")

    assert found == []


def test_in_the_dark_on_a_phone_too_and_with_the_longest_names(site: Site) -> None:
    site.warehouse.damage("UPDATE mx.mx_merchant_configs SET name = :name", name=LONG_NAME)
    owner, found = site.visitor("tenant_owner", width=PHONE, dark=True), list[str]()
    watched = a_sync_that_is_done(owner)
    some_suggestions_wait(site)

    for path in (watched, "/clinics", *(f"/clinics/{MERCHANT}/{page}" for page in PAGES)):
        owner.goes(path)
        found += faults(owner, path, rules=("color-contrast",))
    makes_a_mistake(owner)
    found += faults(owner, "the form with a mistake", rules=("color-contrast",))

    assert found == []


def test_axe_bites(site: Site) -> None:
    stranger = site.visitor()
    stranger.goes("/signin")
    stranger.page.evaluate("document.querySelector('label').remove()")

    assert "/signin: label" in "".join(faults(stranger, "/signin"))


def a_sync_that_is_done(visitor: Visitor) -> str:
    visitor.asks_for(20)
    visitor.page.locator("[data-done]").wait_for()
    return visitor.page.url.removeprefix(visitor.web.url)


def some_suggestions_wait(site: Site) -> None:
    with site.warehouse.loader.merchant(MERCHANT) as tenant:
        said = [Suggestion(product, "Kits", 0.7) for product in products_to_suggest(tenant)]
        assert keep_suggestions(tenant, said, model="test", actor="process:test").made


def makes_a_mistake(visitor: Visitor) -> None:
    visitor.goes(f"/clinics/{MERCHANT}/sync")
    visitor.page.locator(".emergency summary").click()
    visitor.page.locator("#emergency").check()
    visitor.page.get_by_role("button", name="Start sync").click()
    visitor.page.locator("#errors").wait_for()


def faults(visitor: Visitor, where: str, *, rules: Sequence[str] = ()) -> list[str]:
    """What axe finds by these rules, or by all of them; and a page that is wider than its window."""
    options = {"runOnly": list(rules)} if rules else {"resultTypes": ["violations"]}
    result: dict[str, Any] = Axe().run(visitor.page, options=options).response
    found = [
        f"{where}: {one['id']}: {node['target']} {node['failureSummary'][:200]}"
        for one in result["violations"]
        if one["impact"] in SEVERE
        for node in one["nodes"][:3]
    ]
    if visitor.is_wider_than_the_window():
        found.append(f"{where}: wider than its window")
    return found
