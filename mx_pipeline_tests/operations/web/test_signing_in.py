"""A token for a session: an HttpOnly cookie that a server can end, and that no other page can use."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.web.conftest import SECONDS, Web

Clinic = Callable[..., int]


class Browser:
    """Keeps its cookies."""

    def __init__(self, web: Web, token: str) -> None:
        self.web, self.client = web, requests.Session()
        self.answer = self.client.post(f"{web.url}/signin", json={"token": token}, timeout=SECONDS)

    def sends(self, method: str, path: str, **headers: str) -> requests.Response:
        return self.client.request(method, self.web.url + path, headers=headers, timeout=SECONDS)

    def is_in(self) -> bool:
        """Signing out is for those who are in; without an origin or the token it ends nothing."""
        return self.sends("POST", "/signout", Origin="https://evil.example").status_code == 403


@pytest.fixture
def browser(web: Web, clinic: Clinic) -> Browser:
    clinic()
    return Browser(web, web.token())


def test_s26_a_token_opens_a_session_in_a_cookie_that_no_script_reads(browser: Browser, web: Web) -> None:
    cookie = browser.answer.headers["Set-Cookie"]

    assert browser.answer.status_code == 200
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert browser.is_in()
    secret = cookie.split("_", 3)[3].split(";")[0]
    assert secret not in web.warehouse.everything(but="nothing")
    assert web.warehouse.value("SELECT count(*) FROM mx.audit_log WHERE action = 'session.opened'") == 1


@pytest.mark.parametrize("text", ["mxp_1", "x" * 9000, "mxp_" + "0" * 32 + "_" + "A" * 43])
def test_what_is_no_token_opens_nothing(web: Web, text: str) -> None:
    answer = web.call("POST", "/signin", json={"token": text})

    assert answer.status_code in (401, 422)
    assert "Set-Cookie" not in answer.headers


def test_signing_out_ends_the_session_on_the_server_and_needs_to_come_from_our_page(
    browser: Browser, web: Web
) -> None:
    copied = browser.client.cookies.get("mx_session")
    token = browser.answer.json()["csrf_token"]

    assert browser.sends("POST", "/signout").status_code == 403
    assert browser.sends("POST", "/signout", **{"X-CSRF-Token": "0" * 64}).status_code == 403
    assert browser.sends("POST", "/signout", **{"X-CSRF-Token": token}).status_code == 204
    assert (
        web.call(
            "POST", "/signout", headers={"Origin": web.url, "Cookie": f"mx_session={copied}"}
        ).status_code
        == 401
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE mx.user_sessions SET used_at = used_at - interval '15 minutes'",
        "UPDATE mx.user_sessions SET expires_at = now()",
        "UPDATE mx.user_tokens SET revoked_at = now()",
        "UPDATE mx.users SET is_active = false",
    ],
)
def test_s15_a_session_ends_when_it_is_idle_too_old_or_its_token_or_account_ended(
    browser: Browser, web: Web, statement: str
) -> None:
    assert browser.is_in()

    web.warehouse.damage(statement)

    assert not browser.is_in()


def test_s26_an_address_that_guesses_is_slowed_down_and_told_for_how_long(web: Web) -> None:
    answers = [web.call("POST", "/signin", json={"token": f"mxp_{n}"}) for n in range(32)]

    assert [answer.status_code for answer in answers].count(401) == 30
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert answers[-1].json()["code"] == "too_many_requests"


@pytest.mark.parametrize("origin", [None, "https://evil.example", "null"])
def test_s26_a_sync_is_started_by_a_page_of_ours_and_by_no_other(
    browser: Browser, web: Web, origin: str | None
) -> None:
    def start(**headers: str) -> requests.Response:
        where, asked = f"{web.url}/api/sync/manual", {"merchantId": MERCHANT}
        return browser.client.post(where, json=asked, headers=headers, timeout=SECONDS)

    refused = start(**({} if origin is None else {"Origin": origin}))

    assert refused.status_code == 403
    assert web.warehouse.rows("SELECT * FROM mx.sync_requests") == []
    assert start(Origin=web.url).status_code == 202


def test_s26_a_session_that_somebody_planted_before_is_not_the_one_that_signing_in_opens(
    web: Web, clinic: Clinic
) -> None:
    clinic()
    planted = Browser(web, web.token("viewer")).client.cookies.get("mx_session")

    answer = web.call(
        "POST",
        "/signin",
        json={"token": web.token()},
        headers={"Cookie": f"mx_session={planted}", "Origin": web.url},
    )

    opened = answer.headers["Set-Cookie"].split(";")[0].removeprefix("mx_session=")
    assert answer.status_code == 200
    assert opened != planted
    asked = {"merchantId": MERCHANT}
    by_the_planted, by_the_opened = (
        web.call(
            "POST", "/api/sync/manual", json=asked, headers={"Cookie": f"mx_session={one}", "Origin": web.url}
        )
        for one in (planted, opened)
    )
    assert (by_the_planted.status_code, by_the_opened.status_code) == (403, 202)  # still the viewer's
