"""A real browser, people who sign in with it, and a worker behind the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from mx_pipeline.access import TenantRole
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline_tests.fakes.answering_thread import answering
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.web.conftest import Serve, Web
from mx_pipeline_tests.system_parts import chromium

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LONGEST_MS = 15_000
expect.set_options(timeout=LONGEST_MS)
DESKTOP, PHONE = 1280, 360
FORM_SENT_BACK = "422 (Unprocessable"
"""The browser's own words for a form that is shown again; no defect."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a module: while it is open, its loop runs in this thread."""
    program = chromium()
    assert program is not None, "make test-system needs chromium: sudo apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield opened
        opened.close()


@dataclass
class Visitor:
    """Somebody at a browser; what it complains about is kept."""

    page: Page
    web: Web
    complaints: list[str] = field(default_factory=list)

    def goes(self, path: str) -> None:
        self.page.goto(self.web.url + path)

    def signs_in(self, token: str) -> None:
        self.goes("/signin")
        self.page.fill("#token", token)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url("**/clinics")

    def asks_for(self, number: int, merchant_id: int = MERCHANT) -> None:
        self.goes(f"/clinics/{merchant_id}/sync")
        self.page.fill("#number", str(number))
        self.page.get_by_role("button", name="Start sync").click()
        self.page.wait_for_url(f"**/clinics/{merchant_id}/sync/*")

    def is_wider_than_the_window(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    def another_tab(self) -> Page:
        return self.watched(self.page.context.new_page())

    def watched(self, page: Page) -> Page:
        def heard(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and FORM_SENT_BACK not in message.text:
                self.complaints.append(f"{message.type}: {message.text}")

        page.on("console", heard)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.set_default_timeout(LONGEST_MS)
        return page


@dataclass
class Site:
    """The server, and who comes to it."""

    web: Web
    mx: SyntheticMx
    warehouse: WarehouseUnderTest
    browser: Browser
    visitors: list[Visitor] = field(default_factory=list)

    def visitor(
        self,
        role: TenantRole | None = None,
        *,
        width: int = DESKTOP,
        dark: bool = False,
        script: bool = True,
        url: str | None = None,
    ) -> Visitor:
        context = self.browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        visitor = Visitor(context.new_page(), self.web if url is None else Web(url, self.warehouse))
        visitor.watched(visitor.page)
        self.visitors.append(visitor)
        if role is not None:
            visitor.signs_in(self.web.token(role))
        return visitor


@pytest.fixture
def site(
    served: Serve,
    mx: SyntheticMx,
    clinic: Callable[..., int],
    warehouse: WarehouseUnderTest,
    browser: Browser,
    request: pytest.FixtureRequest,
) -> Iterator[Site]:
    """One clinic with 300 payments and a worker; at the end no browser may have complained of anything."""
    clinic(payments=300)
    found = Site(served(**getattr(request, "param", {})), mx, warehouse, browser)
    with answering(warehouse, mx):
        yield found
        complaints = [complaint for visitor in found.visitors for complaint in visitor.complaints]
        for visitor in found.visitors:
            visitor.page.context.close()
    assert complaints == []
