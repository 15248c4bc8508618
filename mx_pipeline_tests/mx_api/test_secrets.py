"""Key, secret and Authorization never show: not in a repr, a message, a traceback with locals, a cause or a log."""

from __future__ import annotations

import base64
import contextlib
import gc
import logging
import socket
import traceback

import pytest
import requests

from mx_pipeline.errors import BadSettings, MxApiError
from mx_pipeline.mx_api import CallLimits
from mx_pipeline_tests.mx_api.conftest import CANARY_KEY, CANARY_SECRET
from mx_pipeline_tests.mx_api.samples import a_payment
from mx_pipeline_tests.mx_api.vendor import Request, a_page, a_reply

PAIR = base64.b64encode(f"{CANARY_KEY}:{CANARY_SECRET}".encode()).decode()
CANARIES = (CANARY_KEY, CANARY_SECRET, PAIR, "Q2FuYXJ5", "canary/", "CanaryKey")
ONE_TRY = CallLimits(tries=1, tries_after_nonsense=1, total_deadline_seconds=0.2)


def hangs_up(_: Request, wire: socket.socket) -> None:
    wire.shutdown(socket.SHUT_RDWR)


def stays_silent(_: Request, wire: socket.socket) -> None:
    wire.recv(1)


def without_canary(text: str) -> bool:
    return not any(canary in text for canary in CANARIES)


FAILURES = {
    "hung up": hangs_up,
    "silent": stays_silent,
    "echoed": a_reply(
        {"errorCode": f"Bad {PAIR}", "details": [f"{CANARY_KEY}:{CANARY_SECRET} {PAIR}"]}, status=400
    ),
    "echoed at the cut": a_reply({"errorCode": "X", "details": ["x" * 190 + CANARY_SECRET]}, status=400),
    "redirect": a_reply(b"", status=302, location=f"http://127.0.0.1:9/{PAIR}"),
    "refused": a_reply({"errorCode": "InvalidCredentials"}, status=401),
    "half": a_reply(b'{"records":['),
    "wrong shape": a_reply({"records": {}}),
    "length": a_reply(b"{}", content_length="9, 10"),
    "status": b"HTTP/1.1 abc\r\n\r\n",
}


@pytest.mark.parametrize("failure", FAILURES)
def test_s18_no_failure_shows_the_key(vendor, a_client, failure, caplog):
    caplog.set_level(logging.DEBUG)
    vendor.answers(FAILURES[failure])
    client = a_client(limits=ONE_TRY)

    with pytest.raises(MxApiError) as caught:
        list(client.list_payments())

    # Without the test's own frame, in which the fake vendor shows what it was sent.
    assert caught.tb.tb_next is not None
    shown = traceback.TracebackException(
        type(caught.value), caught.value, caught.tb.tb_next, capture_locals=True
    )
    assert without_canary("".join(shown.format()))
    assert without_canary(repr(caught.value) + str(caught.value.args))
    assert without_canary(caplog.text)
    assert caught.value.__context__ is None or isinstance(caught.value.__context__, MxApiError)
    assert caught.value.__cause__ is None


def test_s18_an_unreachable_host_keeps_no_request_behind_the_error(vendor, a_client):
    vendor.stops_listening()
    gc.collect()

    with contextlib.suppress(MxApiError):
        a_client(limits=ONE_TRY).get_payment(7)

    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, requests.exceptions.RequestException)]


def test_s18_no_repr_shows_the_key(vendor, client, told):
    vendor.answers(a_page(a_payment()))
    pages = client.list_payments()
    list(pages)

    shown = [repr(client), repr(pages), repr(told), str(client), repr(client._transport), repr(vars(client))]
    attempts = client._transport.attempts
    shown += [
        repr(vars(client._transport)),
        repr(vars(attempts)),
        repr(attempts.credential.request("host", "/path")),
    ]

    assert all(without_canary(each) for each in shown)
    assert repr(client) == f"MxClient(merchant_id=1000000001, base_url='{vendor.url}')"


def test_s18_a_wrong_url_does_not_show_the_key_that_came_with_it(a_client):
    with pytest.raises(BadSettings) as caught:
        a_client(base_url=f"https://{CANARY_KEY}:{CANARY_SECRET}@api.mxmerchant.com")

    assert without_canary(str(caught.value))
