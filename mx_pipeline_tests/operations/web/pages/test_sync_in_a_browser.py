"""The sync page in a real browser: start, watch, reload, a second tab, cancel; and who may not."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.web.pages.conftest import Site

pytestmark = pytest.mark.system

SLOW_MS = 200
"""For each call: so that a sync of 100 takes some seconds, and somebody can look at it in the middle."""


def test_an_admin_starts_a_sync_watches_it_reloads_in_the_middle_and_sees_the_cards(site: Site) -> None:
    site.mx.behaves(MERCHANT, latency_ms=SLOW_MS)
    admin = site.visitor("tenant_admin")
    page = admin.page

    admin.asks_for(100)
    expect(page.locator(".step-now")).to_have_count(1)
    expect(page.locator("[data-step=payments]")).to_contain_text("100 of 100 payments saved")
    second = admin.another_tab()
    second.goto(page.url)
    page.reload()
    expect(page.locator("[data-step=invoice_details]")).to_contain_text(
        re.compile(r"[1-9]\d* of \d+ invoices")
    )
    in_the_middle = percent(page.locator("#percent").inner_text())
    told = page.locator("[data-step=invoice_details] progress")
    assert int(told.get_attribute("value") or 0) <= int(told.get_attribute("max") or 0)

    for tab in (page, second):
        expect(tab.locator(".banner")).to_contain_text("Done")
        expect(tab.locator("#percent")).to_have_text("100 %")
        expect(tab.locator(".card")).to_have_count(6)
        expect(tab.locator(".card-good").first).to_contain_text("Yes, proven")
    assert 0 < in_the_middle < 100
    expect(page.locator("#told")).to_contain_text("Done")
    assert page.title().startswith("Done – Sync of")
    page.get_by_role("link", name="Back to sync and history").click()
    first_row = page.locator("tbody tr").first
    expect(first_row).to_contain_text("The newest 100 payments")
    expect(first_row).to_contain_text("You")


def test_what_it_will_cost_follows_the_form_and_a_running_sync_can_be_cancelled(site: Site) -> None:
    site.mx.behaves(MERCHANT, latency_ms=SLOW_MS)
    admin = site.visitor("tenant_admin")
    page = admin.page

    admin.goes(f"/clinics/{MERCHANT}/sync")
    page.fill("#number", "40")
    expect(page.locator("#cost")).to_contain_text(re.compile(r"\d+ calls to MX Merchant"))
    cost_of_forty = page.locator("#cost").inner_text()
    page.fill("#number", "100")
    expect(page.locator("#cost")).not_to_have_text(cost_of_forty)
    page.get_by_role("button", name="Start sync").click()
    expect(page.locator("[data-step=invoice_details]")).to_contain_text(re.compile(r"[1-9]\d* of"))
    page.get_by_role("button", name="Cancel this sync").click()

    expect(page.locator(".banner")).to_contain_text("Cancelled")
    expect(page.locator(".banner")).to_contain_text("Everything that was saved before stays")
    assert percent(page.locator("#percent").inner_text()) < 100
    assert site.warehouse.value("SELECT count(*) FROM mx.payments") == 100
    assert site.warehouse.value("SELECT count(*) FROM mx.audit_log WHERE action = 'sync.cancelled'") == 1


def test_trying_tells_what_a_sync_would_do_and_stores_nothing(site: Site) -> None:
    admin = site.visitor("tenant_admin")
    page = admin.page

    admin.goes(f"/clinics/{MERCHANT}/sync")
    page.fill("#number", "50")
    page.get_by_role("button", name="Try without saving").click()

    expect(page.locator(".banner")).to_contain_text("Nothing was stored")
    expect(page.locator(".card").first).to_contain_text("50 new")
    assert site.warehouse.value("SELECT count(*) FROM mx.payments") == 0


def test_s14_a_viewer_has_no_button_and_the_request_made_by_hand_is_refused_and_recorded(site: Site) -> None:
    viewer = site.visitor("viewer")
    viewer.goes(f"/clinics/{MERCHANT}/sync")

    expect(viewer.page.get_by_role("button", name="Start sync")).to_have_count(0)
    expect(viewer.page.locator("main")).to_contain_text("Your role here, viewer, cannot start a sync")
    by_hand = f"""fetch('/clinics/{MERCHANT}/sync', {{method: 'POST', headers: {{'Content-Type':
        'application/x-www-form-urlencoded'}}, body: 'number=20&do=start'}}).then((answer) => answer.status)"""
    assert viewer.page.evaluate(by_hand) == 403

    viewer.complaints.clear()  # the browser's own word for the 403
    assert site.warehouse.value("SELECT count(*) FROM mx.sync_requests") == 0
    assert site.warehouse.rows(
        "SELECT merchant_id, detail->>'permission' FROM mx.audit_log WHERE action = 'access.refused'"
    ) == [(MERCHANT, "sync.manual")]


def test_mistakes_in_the_form_are_named_at_their_fields_and_the_keyboard_is_enough(site: Site) -> None:
    owner = site.visitor("tenant_owner")
    page = owner.page
    owner.goes(f"/clinics/{MERCHANT}/sync")

    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#number").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("101")
    page.keyboard.press("Enter")
    expect(page.locator("#errors")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#number")).to_be_focused()
    expect(page.locator("#number")).to_have_attribute("aria-invalid", "true")
    page.locator(".emergency summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.locator("#number").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#errors")).to_contain_text("Say why in a few words")
    page.locator("#reason").fill("the front desk misses a week")
    page.locator("#number").press("Enter")

    page.wait_for_url(f"**/clinics/{MERCHANT}/sync/*")
    expect(page.locator("main")).to_contain_text("The newest 101 payments, as an emergency")
    expect(page.locator("main")).to_contain_text("the front desk misses a week")


def test_without_scripts_it_is_a_form_and_a_page_that_comes_again(site: Site) -> None:
    site.mx.behaves(MERCHANT, latency_ms=SLOW_MS)
    admin = site.visitor("tenant_admin", script=False)
    page = admin.page

    admin.goes(f"/clinics/{MERCHANT}/sync")
    page.fill("#number", "30")
    page.get_by_role("button", name="Show the cost").click()
    expect(page.locator("#cost")).to_contain_text(re.compile(r"\d+ calls to MX Merchant"))
    page.get_by_role("button", name="Start sync").click()
    expect(page.locator("noscript meta[http-equiv=refresh]")).to_have_count(1)

    expect(page.locator(".banner")).to_contain_text("Done")  # nobody pressed anything


def percent(text: str) -> int:
    return int(text.removesuffix("%").strip())
