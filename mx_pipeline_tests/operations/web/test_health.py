"""For whoever watches it: it lives, it can work, and what it did, without anything of a person or merchant."""

from __future__ import annotations

from collections.abc import Callable

import requests

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.web.conftest import SECONDS, Serve, Web

Clinic = Callable[..., int]


def test_it_is_ready_with_its_database_and_not_without(web: Web, served: Serve) -> None:
    lost = served(MX_DATABASE_URL="postgresql://u:p@127.0.0.1:1/nowhere")

    ready, red, lives = web.call("GET", "/readyz"), lost.call("GET", "/readyz"), lost.call("GET", "/healthz")
    asked = lost.call("GET", "/api/merchants", token="mxp_" + "0" * 32 + "_" + "A" * 43)

    assert (ready.status_code, lives.status_code) == (200, 200)
    for answer in (red, asked):
        assert (answer.status_code, answer.json()["code"]) == (503, "warehouse_unavailable")
        assert answer.headers["Retry-After"]
        assert not {"127.0.0.1", "nowhere", "psycopg", "password"} & set(
            answer.text.replace('"', " ").split()
        )


def test_meters_count_by_route_and_tell_nothing_of_anybody(web: Web, clinic: Clinic) -> None:
    clinic()
    token = web.token()
    for path in (f"/api/transactions?merchantId={MERCHANT}", "/api/merchants", "/nothing/at/all"):
        web.call("GET", path, token=token)

    text = requests.get(f"{web.url}/metrics", timeout=SECONDS).text

    assert "mx_merchants_active" not in text
    assert 'mx_http_calls_total{method="GET",route="/api/transactions",status="200"} 1' in text
    assert 'route="other",status="404"' in text
    assert str(MERCHANT) not in text
    assert token not in text
    assert "@clinic" not in text


def test_figures_of_all_merchants_are_for_whoever_shows_the_token(served: Serve, clinic: Clinic) -> None:
    clinic()
    web = served(MX_METRICS_TOKEN="a-token-of-prometheus")

    shown, wrong, none = (
        requests.get(f"{web.url}/metrics", timeout=SECONDS, headers=headers).text
        for headers in (
            {"Authorization": "Bearer a-token-of-prometheus"},
            {"Authorization": "Bearer another"},
            {},
        )
    )

    assert "mx_merchants_active 1" in shown
    assert str(MERCHANT) not in shown
    assert "mx_merchants_active" not in wrong + none
