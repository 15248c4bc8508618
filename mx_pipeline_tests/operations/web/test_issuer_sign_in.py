"""Signing in by an issuer: state, nonce and PKCE, against an issuer on a real port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from mx_pipeline_tests.fakes.people import has_person_as
from mx_pipeline_tests.fakes.small_issuer import AUDIENCE
from mx_pipeline_tests.fakes.small_issuer_signing_in import SigningInIssuer, signing_in_issuer
from mx_pipeline_tests.operations.web.conftest import SECONDS, Serve, Web

Clinic = Callable[..., int]
KIM = "kim@clinic.example"


@pytest.fixture(scope="module")
def running() -> Iterator[SigningInIssuer]:
    with signing_in_issuer() as issuer:
        yield issuer


@pytest.fixture
def issuer(running: SigningInIssuer) -> SigningInIssuer:
    running.claims = {}
    return running


@pytest.fixture
def web(served: Serve, issuer: SigningInIssuer, clinic: Clinic) -> Web:
    web = served(MX_OIDC_ISSUER=issuer.url, MX_OIDC_AUDIENCE=AUDIENCE)
    clinic()
    has_person_as(web.warehouse, "nurse", email=KIM)
    return web


def to_the_issuer(web: Web, browser: requests.Session) -> str:
    """As far as the address with which the issuer sends the browser back."""
    leaving = browser.get(f"{web.url}/signin/issuer", allow_redirects=False, timeout=SECONDS)
    assert leaving.status_code == 303
    there = browser.get(leaving.headers["Location"], allow_redirects=False, timeout=SECONDS)
    return there.headers["Location"]


def comes_back(browser: requests.Session, address: str) -> requests.Response:
    return browser.get(address, allow_redirects=False, timeout=SECONDS)


def test_whoever_the_issuer_means_is_signed_in(web: Web) -> None:
    browser = requests.Session()

    answer = comes_back(browser, to_the_issuer(web, browser))

    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    mine = browser.get(f"{web.url}/api/merchants", timeout=SECONDS).json()["merchants"]
    assert [one["role"] for one in mine] == ["nurse"]
    assert "mx_signin" not in browser.cookies


def test_the_issuer_is_asked_with_state_nonce_and_challenge(web: Web) -> None:
    leaving = requests.get(f"{web.url}/signin/issuer", allow_redirects=False, timeout=SECONDS)

    query = {name: value for name, (value,) in parse_qs(urlsplit(leaving.headers["Location"]).query).items()}
    assert (query["response_type"], query["code_challenge_method"], query["client_id"]) == (
        "code",
        "S256",
        AUDIENCE,
    )
    assert {len(query[name]) for name in ("state", "nonce", "code_challenge")} == {43}
    assert query["redirect_uri"] == f"{web.url}/signin/callback"
    assert "HttpOnly" in leaving.headers["Set-Cookie"]


def test_a_code_in_another_browser_opens_nothing_and_is_not_even_spent(
    web: Web, issuer: SigningInIssuer
) -> None:
    address = to_the_issuer(web, requests.Session())
    victim = requests.Session()

    without = comes_back(victim, address)
    to_the_issuer(web, victim)
    with_own_journey = comes_back(victim, address)

    assert [answer.status_code for answer in (without, with_own_journey)] == [401, 401]
    assert "mx_session" not in victim.cookies
    assert parse_qs(urlsplit(address).query)["code"][0] in issuer.codes


def test_a_code_is_worth_something_once(web: Web) -> None:
    browser = requests.Session()
    address = to_the_issuer(web, browser)
    cookie = browser.cookies["mx_signin"]
    comes_back(browser, address)

    again = requests.get(address, cookies={"mx_signin": cookie}, allow_redirects=False, timeout=SECONDS)

    assert (again.status_code, again.json()["code"]) == (401, "not_signed_in")


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "somebody-else"},
        {"exp": 1},
        {"iss": "https://evil.example"},
    ],
)
def test_a_token_that_is_not_for_this_sign_in_opens_nothing(
    web: Web, issuer: SigningInIssuer, claims: dict[str, object]
) -> None:
    issuer.claims = claims
    browser = requests.Session()

    answer = comes_back(browser, to_the_issuer(web, browser))

    assert answer.status_code == 401
    assert "mx_session" not in browser.cookies


def test_somebody_whom_only_the_issuer_knows_is_told_whom_to_ask(web: Web, issuer: SigningInIssuer) -> None:
    issuer.claims = {"sub": "7", "email": "stranger@clinic.example"}
    browser = requests.Session()

    answer = comes_back(browser, to_the_issuer(web, browser))

    assert answer.status_code == 403
    assert "invitation" in answer.json()["detail"]


def test_without_an_issuer_there_is_none_to_go_to(served: Serve) -> None:
    answer = served().call("GET", "/signin/issuer")

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")
