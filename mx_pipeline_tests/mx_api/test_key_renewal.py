"""A key that is replaced while calls are made: the next call uses the new one (C10)."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import pytest

from mx_pipeline.errors import MxCredentialsRefused
from mx_pipeline.mx_api import MxClient
from mx_pipeline_tests.mx_api.conftest import CANARY_KEY, CANARY_SECRET
from mx_pipeline_tests.mx_api.samples import an_invoice_detail
from mx_pipeline_tests.mx_api.vendor import Request, Vendor, a_reply

OLD, NEW = (CANARY_KEY, CANARY_SECRET), ("NewKey" + "A" * 18, "new/Secret")
INVOICE = 10000001


def sent_with(request: Request, pair: tuple[str, str]) -> bool:
    return request.headers["Authorization"] == f"Basic {base64.b64encode(':'.join(pair).encode()).decode()}"


def knows_only(pair: tuple[str, str]) -> Callable[[Request], bytes]:
    refusal = a_reply({"errorCode": "InvalidCredentials"}, status=401)
    return lambda request: a_reply(an_invoice_detail()) if sent_with(request, pair) else refusal


def test_c10_the_new_key_is_used_from_the_next_call_on_though_the_old_one_is_good(
    vendor: Vendor, a_client: Callable[..., MxClient]
) -> None:
    vendor.answers(a_reply(an_invoice_detail()))
    client = a_client(key_now=lambda: NEW)

    client.get_invoice(INVOICE)
    client.renew_key()
    client.get_invoice(INVOICE)

    assert [sent_with(request, NEW) for request in vendor.requests] == [False, True]


@pytest.mark.parametrize(("told", "pauses"), [([NEW], 0), ([OLD, NEW], 1)])
def test_c10_a_refusal_of_the_old_key_is_none_also_where_the_new_one_comes_a_moment_later(
    vendor: Vendor,
    a_client: Callable[..., MxClient],
    slept: list[float],
    told: list[tuple[str, str]],
    pauses: int,
) -> None:
    keys: Iterator[tuple[str, str]] = iter(told)
    client = a_client(key_now=lambda: next(keys))
    vendor.answers_by(knows_only(OLD))
    client.get_invoice(INVOICE)
    vendor.answers_by(knows_only(NEW))

    client.get_invoice(INVOICE)

    assert len(slept) == pauses


def test_c10_a_key_that_was_not_replaced_is_refused_for_good(
    vendor: Vendor, a_client: Callable[..., MxClient]
) -> None:
    client = a_client(key_now=lambda: OLD)
    vendor.answers_by(knows_only(NEW))

    for _ in range(2):
        with pytest.raises(MxCredentialsRefused):
            client.get_invoice(INVOICE)

    assert len(vendor.requests) == 1
