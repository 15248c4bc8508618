"""What holds for every call: an id, bounds on what comes in, headers on what goes out, no text of a defect."""

from __future__ import annotations

from mx_pipeline_tests.operations.web.conftest import Serve, Web


def test_it_answers_with_an_id_and_headers_that_guard_the_browser(web: Web) -> None:
    answer = web.call("GET", "/healthz", headers={"X-Request-Id": "from-my-side-1"})

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["X-Request-Id"] == "from-my-side-1"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
    assert (answer.headers["X-Content-Type-Options"], answer.headers["X-Frame-Options"]) == (
        "nosniff",
        "DENY",
    )


def test_only_listed_origins_may_embed_it(served: Serve) -> None:
    web = served(MX_EMBED_ORIGINS="https://portal.example, https://other.example:8443")

    headers = web.call("GET", "/healthz").headers

    assert headers["Content-Security-Policy"].endswith(
        "frame-ancestors https://portal.example https://other.example:8443"
    )
    assert "X-Frame-Options" not in headers


def test_what_is_not_there_is_a_problem_with_a_code(web: Web) -> None:
    missing, wrong = web.call("GET", "/api/nothing"), web.call("DELETE", "/healthz")

    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert missing.headers["Content-Type"] == "application/problem+json"
    assert missing.json()["correlation_id"] == missing.headers["X-Request-Id"]
