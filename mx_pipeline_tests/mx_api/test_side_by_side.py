"""Many calls of one thread: over few connections, each with its own deadline, and none lost by what befalls another."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from mx_pipeline.errors import MxCredentialsRefused, MxNotFound, MxTimedOut
from mx_pipeline.mx_api import CallLimits, MxClient
from mx_pipeline.mx_api.budget import Budget
from mx_pipeline.mx_api.merchant_gate import MerchantGate
from mx_pipeline_tests.mx_api.conftest import QUICK, Told
from mx_pipeline_tests.mx_api.samples import an_invoice_detail
from mx_pipeline_tests.mx_api.test_tls import a_server
from mx_pipeline_tests.mx_api.vendor import Request, Vendor, a_reply

FIRST = 10_000_000
DEADLINE_SECONDS, DRIPS_FOR_SECONDS = 4, 30
HASTY = CallLimits(tries=1, total_deadline_seconds=DEADLINE_SECONDS)
AT_ONCE = 6


def the_invoice(request: Request, **headers: str) -> bytes:
    return a_reply(an_invoice_detail(_number(request), memo="long " * 5000), **headers)


def _number(request: Request) -> int:
    return int(request.path.rsplit("/", 1)[1]) - FIRST


def a_gate(limits: CallLimits = QUICK) -> MerchantGate:
    return MerchantGate(Budget(limits, start=AT_ONCE, ceiling=AT_ONCE), ceiling=AT_ONCE)


def asked(client: MxClient, *numbers: int) -> dict[int, object]:
    """What came of each, by number: an id, or the error."""
    calls, waiting = client.invoices_side_by_side(), list(numbers)
    came: dict[int, object] = {}
    while waiting or calls.in_the_air:
        while waiting and calls.in_the_air < calls.most and calls.start(FIRST + waiting[0]):
            waiting.pop(0)
        for mx_id, _, landed in calls.wait(0.01):
            assert mx_id - FIRST not in came
            came[mx_id - FIRST] = getattr(landed, "invoice_id", landed)
    calls.close()
    return came


def all_of(*numbers: int) -> dict[int, object]:
    return {number: FIRST + number for number in numbers}


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_hundreds_are_asked_over_as_many_connections_as_are_in_the_air(
    a_client: Callable[..., MxClient], told: Told, tmp_path, *, is_tls: bool
):
    with Vendor(tls=a_server(tmp_path) if is_tls else None) as vendor:
        vendor.answers_by(the_invoice)
        trusted = {"ca_file": tmp_path / "ca.pem"} if is_tls else {}
        client = a_client(base_url=vendor.url, gate=a_gate(), **trusted)

        came = asked(client, *range(1, 301))

        assert came == all_of(*range(1, 301))
        assert told.outcomes == ["ok"] * 300
        assert Counter(_number(request) for request in vendor.requests).most_common(1)[0][1] == 1
        assert vendor.connections <= AT_ONCE


def test_never_more_are_in_the_air_than_the_gate_lets_through(
    a_client: Callable[..., MxClient], vendor: Vendor
):
    flying, most, lock = 0, 0, threading.Lock()

    def slowly(request: Request, wire: socket.socket) -> None:
        nonlocal flying, most
        with lock:
            flying += 1
            most = max(most, flying)
        time.sleep(0.005)
        with lock:
            flying -= 1
        wire.sendall(the_invoice(request))

    vendor.answers(slowly)
    gate = a_gate()

    with ExitStack() as others:
        for _ in range(AT_ONCE - 2):
            others.enter_context(gate.slot())
        came = asked(a_client(gate=gate), *range(1, 61))

    assert came == all_of(*range(1, 61))
    assert most == 2


def test_answers_in_chunks_and_such_that_end_their_connection_are_read_too(
    a_client: Callable[..., MxClient], vendor: Vendor
):
    def differently(request: Request) -> bytes:
        whole = the_invoice(request)
        body = whole.split(b"\r\n\r\n", 1)[1]
        match _number(request) % 4:
            case 0:
                head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                return head + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
            case 1:
                return the_invoice(request, connection="close")
            case _:
                return whole

    vendor.answers_by(differently)

    assert asked(a_client(gate=a_gate()), *range(1, 101)) == all_of(*range(1, 101))


def test_h10_a_dripping_answer_is_left_at_its_deadline_and_delays_no_other(
    a_client: Callable[..., MxClient], vendor: Vendor
):
    """One drips in its head, one in its body; the others need less than their deadline on any machine."""
    starts = {30: b"", 31: b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"}

    def some_drip(request: Request, wire: socket.socket) -> None:
        number = _number(request)
        if number not in starts:
            wire.sendall(the_invoice(request))
            return
        wire.sendall(starts[number])
        for _ in range(DRIPS_FOR_SECONDS * 50):
            wire.sendall(b"H")
            time.sleep(0.02)

    vendor.answers(some_drip)
    began = time.monotonic()

    came = asked(a_client(gate=a_gate(HASTY), limits=HASTY), *range(1, 61))

    assert sorted(list(came)[-2:]) == [30, 31]
    assert [type(came.pop(number)) for number in (30, 31)] == [MxTimedOut, MxTimedOut]
    assert came == all_of(*range(1, 30), *range(32, 61))
    assert DEADLINE_SECONDS <= time.monotonic() - began < DRIPS_FOR_SECONDS


@pytest.mark.parametrize("sent", [0, 500], ids=["before the head", "in mid-body"])
def test_h11_an_answer_that_breaks_off_is_asked_for_again(
    a_client: Callable[..., MxClient], vendor: Vendor, told: Told, sent: int
):
    broken = set[int]()

    def break_off_once(request: Request, wire: socket.socket) -> None:
        number = _number(request)
        if number % 10 == 0 and number not in broken:
            broken.add(number)
            wire.sendall(the_invoice(request)[:sent])
            wire.shutdown(socket.SHUT_RDWR)
        else:
            wire.sendall(the_invoice(request))

    vendor.answers(break_off_once)

    assert asked(a_client(gate=a_gate()), *range(1, 61)) == all_of(*range(1, 61))
    assert told.outcomes.count("mx_bad_response") == len(broken) == 6
    assert len(told) == len(vendor.requests)


def test_h5_each_retries_its_own(a_client: Callable[..., MxClient], vendor: Vendor, told: Told):
    def one_in_three_fails(request: Request) -> bytes:
        return a_reply(b"", status=503) if len(vendor.requests) % 3 == 0 else the_invoice(request)

    vendor.answers_by(one_in_three_fails)
    patient = CallLimits(tries=50, backoff_base_seconds=0.001, backoff_cap_seconds=0.002)

    assert asked(a_client(gate=a_gate(patient), limits=patient), *range(1, 61)) == all_of(*range(1, 61))
    assert told.outcomes.count("ok") == 60
    assert len(told) == len(vendor.requests) > 80


def test_a_record_that_is_not_there_is_its_own_trouble(a_client: Callable[..., MxClient], vendor: Vendor):
    def some_are_gone(request: Request) -> bytes:
        return a_reply(b"Not Found", status=404) if _number(request) % 7 == 0 else the_invoice(request)

    vendor.answers_by(some_are_gone)

    came = asked(a_client(gate=a_gate()), *range(1, 61))

    gone = [number for number, what in came.items() if isinstance(what, MxNotFound)]
    assert sorted(gone) == list(range(7, 61, 7))


def test_h19_a_key_revoked_among_many_is_asked_about_once_more_and_then_nothing_is_sent(
    a_client: Callable[..., MxClient], vendor: Vendor
):
    def revoked(request: Request) -> bytes:
        is_refused = len(vendor.requests) > 30
        return (
            a_reply({"errorCode": "InvalidCredentials"}, status=401) if is_refused else the_invoice(request)
        )

    vendor.answers_by(revoked)

    came = asked(a_client(gate=a_gate()), *range(1, 201))

    refused = [number for number, what in came.items() if isinstance(what, MxCredentialsRefused)]
    assert len(refused) == 170
    assert len(vendor.requests) <= 30 + AT_ONCE + 1


def test_of_answers_that_came_together_each_is_handed_on_before_the_next_is_read(
    a_client: Callable[..., MxClient], vendor: Vendor
):
    all_asked, answered = threading.Barrier(AT_ONCE), list[int]()

    def together(request: Request, wire: socket.socket) -> None:
        all_asked.wait(30)
        wire.sendall(the_invoice(request))
        answered.append(_number(request))

    vendor.answers(together)
    client = a_client(gate=a_gate())
    asked(client, *range(AT_ONCE))  # so that each has a connection
    calls = client.invoices_side_by_side()
    for number in range(AT_ONCE):
        assert calls.start(FIRST + number)
    deadline = time.monotonic() + 30
    while len(answered) < 2 * AT_ONCE and time.monotonic() < deadline:
        time.sleep(0.01)

    coming = calls.wait(30)
    first = next(coming)
    left = calls.in_the_air
    others = list(coming)
    calls.close()

    assert left == AT_ONCE - 1
    assert sorted(mx_id - FIRST for mx_id, _, _ in [first, *others]) == list(range(AT_ONCE))


def test_whoever_waits_is_woken(client: MxClient):
    calls = client.invoices_side_by_side()
    waiting = threading.Timer(0.05, calls.wake)
    waiting.start()
    began = time.monotonic()

    assert list(calls.wait(10)) == []
    assert time.monotonic() - began < 5
    waiting.join()
    calls.close()
