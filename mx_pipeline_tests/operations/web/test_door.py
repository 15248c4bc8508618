"""What holds for every call: an id, bounds on what comes in, headers on what goes out, no text of a defect."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from mx_pipeline.operations.web.door import BODY_SECONDS
from mx_pipeline_tests.operations.web.conftest import Serve, Web

A_MINUTE = 60


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


def test_a_body_that_is_too_large_or_too_slow_is_cut_off(web: Web) -> None:
    told = web.call(
        "POST", "/signin", data=b"{" + b" " * 70_000, headers={"Content-Type": "application/json"}
    )
    untold = web.call(
        "POST", "/signin", data=iter([b" " * 40_000] * 3), headers={"Content-Type": "application/json"}
    )
    slow = slowly(web, b'{"token": "')

    assert [answer.status_code for answer in (told, untold)] == [413, 413]
    assert untold.json()["code"] == "too_large"
    assert b" 408 " in slow.splitlines()[0]


def slowly(web: Web, beginning: bytes) -> bytes:
    """What the server says to whoever sends the rest of a body never."""
    host, port = urlsplit(web.url).hostname or "", urlsplit(web.url).port or 0
    assert BODY_SECONDS == 5  # as http.md has it
    with socket.create_connection((host, port), timeout=A_MINUTE) as connection:
        head = f"POST /signin HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
        connection.sendall(head.encode() + beginning)
        return connection.recv(4096)


def test_a_defect_leaves_without_its_text_and_the_log_has_only_its_place(
    served: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "a patient's name"

    def broken() -> None:
        raise RuntimeError(secret)

    web = served(also=lambda app: app.add_api_route("/broken", broken))

    answer = web.call("GET", "/broken")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert secret not in answer.text + caplog.text
    assert answer.headers["X-Request-Id"] in caplog.text
    assert "RuntimeError" in caplog.text


def test_a_caller_is_slowed_down_alone(served: Serve, clinic: Callable[..., int]) -> None:
    clinic()
    web = served(MX_HTTP_CALLS_PER_MINUTE="5")

    fast = [web.call("GET", "/api/merchants", token=web.token("nurse")).status_code for _ in range(7)]
    other = web.call("GET", "/api/merchants", token=web.token("viewer"))
    refused = web.call("GET", "/api/merchants", token=web.token("nurse"))

    assert fast == [200] * 5 + [429] * 2
    assert other.status_code == 200
    assert 1 <= int(refused.headers["Retry-After"]) <= 12
