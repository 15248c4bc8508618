"""The search itself finds what it is to find; else the other tests of this folder could not fail."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from mx_pipeline_tests.canary.forms import found_in

SECRET = "canary/Secret+with=ü"
WRITTEN = {
    "plain": f"x{SECRET}y".encode(),
    "hex": b"\\x" + f"ab{SECRET}cd".encode().hex().encode(),
    "url": quote(f"a {SECRET}&", safe="").encode(),
    "json": json.dumps(f"a/{SECRET}", ensure_ascii=False).replace("/", "\\/").encode(),
    **{f"base64 after {n}": base64.b64encode(b"k" * n + SECRET.encode() + b"tail") for n in range(4)},
    "base64 for URLs": base64.urlsafe_b64encode(b"::" + SECRET.encode()),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_secret_is_found_however_it_is_written(how: str) -> None:
    assert found_in({how: WRITTEN[how]}, {"secret": SECRET}) == [f"secret in {how}"]
    assert found_in({how: WRITTEN[how]}, {"another": "canary/Secret+with=u"}) == []
