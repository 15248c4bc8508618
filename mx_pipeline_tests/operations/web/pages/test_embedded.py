"""Embedded in another page: who may, and what that page is told."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.web.pages.conftest import Site

pytestmark = pytest.mark.system

EMBEDDING = {"MX_EMBED_ORIGINS": "https://other.example,http://127.0.0.1:18977"}
PARENT = """<!doctype html><title>A portal</title><script>
addEventListener("message", (news) => { (window.heard ??= []).push({ origin: news.origin, data: news.data }); });
</script><iframe src="%s" width="800" height="700"></iframe>"""


@pytest.mark.parametrize("site", [EMBEDDING], indirect=True)
def test_a_page_around_it_is_told_when_a_sync_finished_if_its_origin_is_on_the_list(site: Site) -> None:
    admin = site.visitor("tenant_admin")
    page = admin.page

    with portal(18977, PARENT % f"{site.web.url}/clinics/{MERCHANT}/sync") as listed:
        page.goto(listed)
        inside = page.frame_locator("iframe")
        inside.locator("#number").fill("20")
        inside.get_by_role("button", name="Start sync").click()
        expect(inside.locator(".banner")).to_contain_text("Done")
        page.wait_for_function("window.heard")
        heard = page.evaluate("window.heard")
    request_id = site.warehouse.value("SELECT max(request_id) FROM mx.sync_requests")
    assert heard == [
        {
            "origin": site.web.url,
            "data": {
                "type": "mx-pipeline.sync-finished",
                "merchantId": MERCHANT,
                "requestId": request_id,
                "outcome": "success",
            },
        }
    ]

    with portal(18978, PARENT % f"{site.web.url}/clinics/{MERCHANT}/sync/{request_id}") as stranger:
        page.goto(stranger)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.heard ?? null") is None
        expect(page.frame_locator("iframe").locator(".banner")).to_have_count(0)
    assert any("frame-ancestors" in complaint for complaint in admin.complaints)
    admin.complaints.clear()  # that it may not be framed there


@contextmanager
def portal(port: int, html: str) -> Iterator[str]:
    """Somebody else's page, on an origin of its own."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # its name in the standard library
            body = html.encode() if self.path == "/" else b""
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{port}/"
        server.shutdown()
        thread.join()
