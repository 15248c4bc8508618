"""Who may ask, and the vendor's ways to refuse (mx_api.md 1.2, 3)."""

import re
import time
from collections.abc import Callable

import pytest
import requests

from mx_pipeline.synthetic_mx import KeyPair, SyntheticMx
from mx_pipeline_tests.synthetic_mx.client import Reader
from mx_pipeline_tests.synthetic_mx.conftest import Clinic

Make = Callable[..., Clinic]


def refused(answer: requests.Response) -> tuple[int, str]:
    body = answer.json()
    assert set(body) == {"errorCode", "message", "details", "responseCode"}
    assert re.fullmatch(r"e[A-Za-z0-9_-]{22}", body["responseCode"])
    assert body["details"]
    return answer.status_code, body["errorCode"]


def test_a_key_has_the_vendors_format(mx: SyntheticMx):
    key = mx.add_merchant(1_000_000_050)

    assert re.fullmatch(r"[A-Za-z0-9]{24}", key.consumer_key)
    assert key.consumer_secret.endswith("=")
    assert "/" in key.consumer_secret
    assert "+" in key.consumer_secret


@pytest.mark.parametrize("auth", [None, ("wrong", "key"), ("", "")])
def test_an_unknown_key_opens_nothing(mx: SyntheticMx, auth: tuple[str, str] | None):
    answer = requests.get(f"{mx.url}/checkout/v3/payment", auth=auth, timeout=10)

    assert refused(answer) == (401, "InvalidCredentials")


def test_anothers_merchant_is_unauthorized(clinic: Make):
    mine, other = clinic(payments=20), clinic(payments=20)

    assert refused(mine.reader.get("payment", merchantId=other.id)) == (401, "Unauthorized")
    assert mine.reader.get("payment", merchantId=mine.id).status_code == 200


def test_anothers_record_is_as_unknown_as_none(clinic: Make):
    mine, other = clinic(payments=20), clinic(payments=20)
    foreign = other.payment_ids()[0]

    assert refused(mine.reader.get(f"payment/{foreign}")) == (401, "Unauthorized")
    assert refused(mine.reader.get("payment/12")) == (401, "Unauthorized")
    assert refused(mine.reader.get("invoice/abc")) == (401, "Unauthorized")


def test_not_found_has_three_dialects(clinic: Make):
    scene = clinic()

    scene.mx.behaves(scene.id, not_found="text404")
    text = scene.reader.get("payment/12")
    scene.mx.behaves(scene.id, not_found="json404")

    assert (text.status_code, text.text) == (404, "Not Found")
    assert text.headers["Content-Type"].startswith("text/plain")
    assert refused(scene.reader.get("invoice/12")) == (404, "Unauthorized")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "ten"},
        {"offset": "-1"},
        {"merchantId": "9" * 30},
        {"dateType": "Custom", "startDate": "13/45/2025"},
    ],
)
def test_impossible_parameters_are_validation_errors(clinic: Make, query: dict[str, str]):
    assert refused(clinic().reader.get("payment", **query)) == (400, "ValidationError")


@pytest.mark.parametrize("path", ["checkout/v3/nothing", "checkout/payment", "", "checkout/v3/payment/1/2"])
def test_an_unknown_path_is_plain_text(mx: SyntheticMx, path: str):
    answer = requests.get(f"{mx.url}/{path}", timeout=10)

    assert (answer.status_code, answer.text) == (404, "Not Found")


def test_a_key_tells_its_merchants(clinic: Make):
    scene = clinic()

    assert [record["id"] for record in scene.reader.page("merchant/")] == [scene.id]
    assert scene.reader.get(f"merchant/{scene.id}/setting").json()["merchantId"] == scene.id
    assert refused(scene.reader.get("merchant/1/setting")) == (401, "Unauthorized")


def test_one_key_may_open_two_merchants(mx: SyntheticMx):
    key = KeyPair("A" * 24, "shared/secret+for/two=")
    for merchant_id in (1_000_000_061, 1_000_000_062):
        mx.add_merchant(
            merchant_id, payments=5, consumer_key=key.consumer_key, consumer_secret=key.consumer_secret
        )
    reader = Reader(mx, key)

    merchants = [
        reader.page("payment", merchantId=m)[0]["merchantId"] for m in (1_000_000_061, 1_000_000_062)
    ]

    assert merchants == [1_000_000_061, 1_000_000_062]
    reader.close()


def test_a_new_key_shuts_out_the_old_one(clinic: Make):
    scene = clinic()
    key = scene.mx.new_key(scene.id)

    assert refused(scene.reader.get("payment")) == (401, "InvalidCredentials")
    scene.reader.session.auth = (key.consumer_key, key.consumer_secret)
    assert scene.reader.get("payment").status_code == 200


def test_latency_is_per_merchant(clinic: Make):
    scene = clinic()
    scene.mx.behaves(scene.id, latency_ms=120)

    begun = time.monotonic()
    scene.reader.get("payment")

    assert time.monotonic() - begun >= 0.12


def test_bodies_are_compressed_only_when_told_to(clinic: Make):
    scene = clinic(payments=20)
    plain = scene.reader.get("payment")

    scene.mx.behaves(scene.id, gzip=True)
    packed = scene.reader.get("payment")

    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.json() == plain.json()
