"""How long a person waits for each page of the Dagster UI: real webserver, real browser, until the content is there."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from statistics import median
from typing import Any

from playwright.sync_api import Page, Request, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from mx_pipeline_tests.system_parts import chromium

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
WINDOW = {"width": 1440, "height": 900}
LONGEST_MS = 30_000
"""A page that takes longer is told as one that takes so long."""
TRIES = 3
FOLLOW = """
    path => { history.pushState(null, "", path); dispatchEvent(new PopStateEvent("popstate", {state: null})); }
"""


@dataclass(frozen=True)
class Shown:
    """A page, and the words of its content that come last."""

    name: str
    path: str
    words: str


ELSEWHERE = Shown("deployment", "/deployment", "Code locations")


def pages(*, merchant: int, run_id: str) -> list[Shown]:
    """Each page that the operator opens; `run_id`: of a round."""
    payments = "/assets/mx/payments"
    return [
        Shown("overview", "/overview", "sync_round"),
        Shown("asset lineage", "/locations/mx_pipeline/asset-groups/mx/lineage", "invoice_details"),
        Shown("an asset", payments, "Materialize"),
        Shown("an asset's partitions", f"{payments}?view=partitions", str(merchant)),
        Shown("a partition", f"{payments}?view=partitions&partition={merchant}", "sync_run"),
        Shown("an asset's checks", f"{payments}?view=checks", "certificate_agrees"),
        Shown("runs", "/runs", "sync_round"),
        Shown("a run", f"/runs/{run_id}", "sync_due_merchants"),
        Shown("backfills", "/runs?view=backfills", "No runs found"),
        Shown("schedules and sensors", "/automation", "merchant_partitions"),
    ]


@contextmanager
def a_browser() -> Generator[Page]:
    """One tab; what the UI is made of is in its cache after the first page."""
    program = chromium()
    if program is None:
        raise RuntimeError("the pages are looked at with chromium: sudo apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        page = opened.new_page(viewport=WINDOW)
        page.set_default_timeout(LONGEST_MS)
        yield page
        opened.close()


def seconds_of(page: Page, ui: str, shown: list[Shown]) -> Iterator[tuple[Shown, dict[str, Any]]]:
    """Of each page the median of a few visits from another page, and of one that loads the whole UI anew."""
    page.goto(ui + ELSEWHERE.path, timeout=0)
    _is_there(page, ELSEWHERE)
    for one in shown:
        visits, slowest = list[float](), (0.0, "")
        for _ in range(TRIES):
            _follow(page, ELSEWHERE)
            with _questions(page) as asked:
                visits.append(_follow(page, one))
            slowest = max(slowest, *((_seconds(request), name) for request, name in asked.items()), (0.0, ""))
        began = time.monotonic()
        page.goto(ui + one.path, wait_until="commit")
        _is_there(page, one)
        anew = time.monotonic() - began
        yield (
            one,
            {
                "seconds": median(visits),
                "opened_anew_seconds": anew,
                "slowest_query": slowest[1],
                "slowest_query_seconds": slowest[0],
            },
        )


def _follow(page: Page, to: Shown) -> float:
    """As a link inside the UI does; until its content is there."""
    began = time.monotonic()
    page.evaluate(FOLLOW, to.path)
    _is_there(page, to)
    return time.monotonic() - began


def _is_there(page: Page, shown: Shown) -> None:
    with suppress(PlaywrightTimeout):
        page.get_by_text(shown.words).first.wait_for()


@contextmanager
def _questions(page: Page) -> Generator[dict[Request, str]]:
    asked = dict[Request, str]()

    def note(request: Request) -> None:
        if "/graphql" in request.url:
            asked[request] = str((request.post_data_json or {}).get("operationName"))

    page.on("requestfinished", note)
    yield asked
    page.remove_listener("requestfinished", note)


def _seconds(request: Request) -> float:
    return request.timing["responseEnd"] / 1000
