"""One call over real HTTP: deadlines, sizes, encodings, retries, connections."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest

from mx_pipeline.errors import (
    MxBadResponse,
    MxContractBroken,
    MxMaintenance,
    MxRateLimited,
    MxTimedOut,
    MxUnavailable,
    MxUnreachable,
)
from mx_pipeline.mx_api import CallLimits, MxClient
from mx_pipeline.records import InvoiceDetail, PaymentDetail
from mx_pipeline_tests.mx_api.conftest import Told
from mx_pipeline_tests.mx_api.samples import FIRST_ID, OURS, a_payment, a_payment_detail, an_invoice_detail
from mx_pipeline_tests.mx_api.vendor import Request, Vendor, a_page, a_reply

HASTY = CallLimits(total_deadline_seconds=0.4, tries=1)
ONE_TRY = CallLimits(tries=1, tries_after_nonsense=1)
DRIP_SECONDS, DRIPS_FOR_SECONDS = 0.02, 30
THEIR_NOW = 2_000_000_000


def drips(start: bytes, drop: bytes) -> Callable[[Request, socket.socket], None]:
    """Sends the start at once, then one drop after another until nobody listens, or for much too long."""

    def script(_: Request, wire: socket.socket) -> None:
        wire.sendall(start)
        for _turn in range(int(DRIPS_FOR_SECONDS / DRIP_SECONDS)):
            wire.sendall(drop)
            time.sleep(DRIP_SECONDS)

    return script


def hangs_up(_: Request, wire: socket.socket) -> None:
    wire.shutdown(socket.SHUT_RDWR)


def resets_after(some: bytes) -> Callable[[Request, socket.socket], None]:
    def script(_: Request, wire: socket.socket) -> None:
        wire.sendall(some)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        wire.close()

    return script


def test_every_call_names_the_merchant_and_carries_the_key_and_asks_for_json(vendor, client):
    vendor.answers(a_reply(a_payment_detail()))

    client.get_payment(FIRST_ID + 1)

    (request,) = vendor.requests
    assert request.path == f"/checkout/v3/payment/{FIRST_ID + 1}"
    assert request.query == {"merchantId": str(OURS)}
    assert (
        request.headers["Authorization"]
        == "Basic Q2FuYXJ5S2V5QUFBQUFBQUFBQUFBQUFBOmNhbmFyeS9TZWNyZXQrd2l0aDpjb2xvbj0="
    )
    assert request.headers["Accept"] == "application/json"
    assert request.headers["Accept-Encoding"] == "gzip"


def test_checking_credentials_asks_for_one_invoice(vendor, client, told):
    client.check_credentials()

    assert vendor.requests[0].path == "/checkout/v3/invoice"
    assert vendor.requests[0].query["limit"] == "1"
    assert told[0].endpoint == "credentials"


@pytest.mark.parametrize(
    ("start", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Drip: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    ],
    ids=["status line", "headers", "body", "chunks", "body without length"],
)
def test_h10_a_server_that_drips_is_left_at_the_deadline(vendor, a_client, told, start, drop):
    vendor.answers(drips(start, drop))
    began = time.monotonic()

    with pytest.raises(MxTimedOut, match=r"payment detail 7: no whole answer from MX within 0\.4 seconds"):
        a_client(limits=HASTY).get_payment(7)

    assert HASTY.total_deadline_seconds <= time.monotonic() - began < DRIPS_FOR_SECONDS
    assert told.outcomes == ["mx_timed_out"]
    assert told[0].status is None


def test_h8_a_refused_connection_is_tried_again_and_said_in_words(vendor, client, told):
    vendor.stops_listening()

    with pytest.raises(MxUnreachable, match="MX is not reachable"):
        client.get_payment(7)

    assert told.outcomes == ["mx_unreachable"] * 5


def test_h8_a_host_without_an_address_is_unreachable(a_client):
    with pytest.raises(MxUnreachable, match="MX is not reachable"):
        a_client(base_url="http://no-such-host.invalid", limits=ONE_TRY).get_payment(7)


def test_h9_a_connection_that_hangs_ends_after_the_connect_timeout(a_client):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), socket.socket() as another:
            another.settimeout(0)
            another.connect_ex(("127.0.0.1", port))
            limits = CallLimits(connect_timeout_seconds=0.2, tries=1)
            began = time.monotonic()

            with pytest.raises(MxUnreachable):
                a_client(base_url=f"http://127.0.0.1:{port}", limits=limits).get_payment(7)

    assert time.monotonic() - began < CallLimits().connect_timeout_seconds


@pytest.mark.parametrize(
    "script",
    [
        hangs_up,
        resets_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        resets_after(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"re'),
        a_reply(b'{"a":1}', content_length="7", content_encoding="gzip"),
        a_reply(gzip.compress(b'{"a":1}')[:-4], content_encoding="gzip"),
        a_reply(gzip.compress(b'{"a":1}') + b"more", content_encoding="gzip"),
        a_reply(gzip.compress(gzip.compress(b'{"a":1}')), content_encoding="gzip"),
        a_reply(b'{"a":1}', content_encoding="br"),
        a_reply(b'{"a":1}', content_type="application/json; charset=klingon"),
        a_reply(b'{"id":1,"amount":"2'),
        a_reply(b'{"id":1} and more'),
        a_reply(b"Not Found"),
        a_reply('{"id":1}'.encode("utf-16")),
        b"Nonsense without a status\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    ],
    ids=[
        "hung up",
        "reset in the body",
        "reset in a chunk",
        "no gzip",
        "cut gzip",
        "more than gzip",
        "double gzip",
        "br",
        "unknown charset",
        "cut JSON",
        "more than JSON",
        "plain text",
        "utf-16",
        "no HTTP",
        "endless header",
    ],
)
def test_h11_h12_h15_half_or_unreadable_answers_are_tried_three_times_and_never_used(
    vendor, client, told, script
):
    vendor.answers(*(script for _ in range(9)))

    with pytest.raises(MxBadResponse):
        client.get_payment(7)

    assert told.outcomes == ["mx_bad_response"] * 3


def test_a_body_shorter_than_its_length_is_not_used_even_if_it_is_json(vendor, client):
    def cut(_: Request, wire: socket.socket) -> None:
        wire.sendall(a_reply(b'{"recordCount":0,"records":[]}', content_length="31"))
        wire.shutdown(socket.SHUT_RDWR)

    vendor.answers(cut, cut, cut)

    with pytest.raises(MxBadResponse):
        list(client.list_payments())


@pytest.mark.parametrize(
    "reply",
    [
        a_reply(b"<!doctype html><title>Back soon</title>"),
        a_reply(b" \n<Error/>", content_type="application/xml"),
        a_reply(b'{"a":1}', content_type="text/html"),
        a_reply(b""),
        a_reply(b" \n "),
        a_reply(b"", status=204),
    ],
)
def test_h13_a_web_page_or_nothing_is_maintenance(vendor, client, told, reply):
    vendor.answers(reply)

    with pytest.raises(MxMaintenance):
        list(client.list_payments())

    assert told.outcomes == ["mx_maintenance"] * 3


def test_gzip_a_byte_order_mark_chunks_and_a_declared_latin_1_are_read(vendor, client):
    body = json.dumps(a_payment_detail(customerName="José"), ensure_ascii=False)
    squeezed = gzip.compress(b"\xef\xbb\xbf" + body.encode())
    chunked = (
        b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (squeezed[:10], squeezed[10:]))
        + b"0\r\n\r\n"
    )
    vendor.answers(
        a_reply(squeezed, content_encoding="gzip"),
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked,
        a_reply(body.encode("latin-1"), content_type="application/json; charset=ISO-8859-1"),
    )

    names = [_payment(client).customer_name for _ in range(3)]

    assert names == ["José"] * 3
    assert vendor.connections == 1


def test_h16_a_body_of_200_mb_is_left_at_the_cap(vendor, a_client):
    sent = 0
    nobody_listens = threading.Event()

    def floods(_: Request, wire: socket.socket) -> None:
        nonlocal sent
        wire.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        try:
            for _turn in range(200):
                wire.sendall(b" " * 1_000_000)
                sent += 1_000_000
        finally:
            nobody_listens.set()

    vendor.answers(floods)

    with pytest.raises(MxBadResponse, match="larger than 20000000 bytes"):
        a_client(limits=ONE_TRY).get_payment(7)

    assert nobody_listens.wait(30)
    assert sent < 40_000_000  # the cap, and what the sockets held


def test_h16_a_gzip_bomb_is_left_before_it_unfolds(vendor, a_client):
    bomb = gzip.compress(b" " * 200_000_000, compresslevel=1)
    vendor.answers(a_reply(bomb, content_encoding="gzip"))
    client = a_client(limits=ONE_TRY)
    tracemalloc.start()

    with pytest.raises(MxBadResponse, match="larger than 20000000 bytes"):
        client.get_payment(7)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"recordCount":1,"records":[{"id":1,"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}]}",
        b'{"errorCode":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_h16_a_hundred_thousand_levels_are_refused_without_a_crash(vendor, client, body):
    vendor.answers(a_reply(body))

    with pytest.raises((MxContractBroken, MxBadResponse)):
        list(client.list_payments())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_h17_a_redirect_is_not_followed_and_the_key_goes_nowhere(vendor, client, told, status):
    with Vendor() as elsewhere:
        vendor.answers(a_reply(b"", status=status, location=f"{elsewhere.url}/checkout/v3/payment"))

        with pytest.raises(MxContractBroken, match="Redirects are not followed"):
            list(client.list_payments())

        assert elsewhere.requests == []
    assert told.outcomes == ["mx_contract_broken"]


def test_a_cookie_is_never_sent_back(vendor, client):
    vendor.answers(a_reply(a_payment_detail(), set_cookie="session=1; Path=/"))

    _payment(client)
    _payment(client)

    assert all("Cookie" not in request.headers for request in vendor.requests)


def test_proxies_and_netrc_of_the_environment_are_not_used(vendor, a_client, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    vendor.answers(a_reply(a_payment_detail()))

    _payment(a_client())

    assert vendor.requests[0].headers["Authorization"].startswith("Basic Q2FuYXJ5")


def test_h5_one_bad_moment_is_invisible_but_counted(vendor, client, told, slept):
    vendor.answers(
        *(a_reply(b"oops", status=status) for status in (500, 502, 503, 504)), a_reply(a_payment_detail())
    )

    assert _payment(client).payment_id == FIRST_ID + 1
    assert told.outcomes == ["mx_unavailable"] * 4 + ["ok"]
    assert [call.status for call in told] == [500, 502, 503, 504, 200]
    assert len(slept) == 4


def test_h4_after_five_tries_the_last_error_is_raised(vendor, client, told):
    vendor.answers(a_reply({"errorCode": "Busy", "details": ["slow down"]}, status=429))

    with pytest.raises(MxRateLimited, match="payment detail 7: MX answered 429 Busy: slow down") as caught:
        client.get_payment(7)

    assert caught.value.retry_after_seconds is None
    assert told.outcomes == ["mx_rate_limited"] * 5


def test_the_pauses_grow_with_full_jitter_up_to_their_cap(vendor, a_client, slept):
    limits = CallLimits(backoff_base_seconds=1, backoff_cap_seconds=3, tries=40)
    vendor.answers(a_reply(b"", status=500))

    with pytest.raises(MxUnavailable):
        a_client(limits=limits).get_payment(7)

    assert len(slept) == 39
    assert slept[0] <= 1
    assert slept[1] <= 2
    assert 2 < max(slept) <= 3
    assert min(slept[2:]) < 1


@pytest.mark.parametrize("status", [429, 503])
def test_h1_retry_after_in_seconds_is_waited_for(vendor, client, told, slept, status):
    vendor.answers(a_reply(b"", status=status, retry_after="2"), a_reply(a_payment_detail()))

    _payment(client)

    assert 2 <= slept[0] < 2.1
    assert told[0].outcome == "mx_rate_limited"
    assert told[0].retry_after_seconds == 2


@pytest.mark.parametrize(
    ("retry_after", "lowest", "highest"),
    [
        (formatdate(THEIR_NOW + 30, usegmt=True), 30, 30.1),
        (formatdate(0, usegmt=True), 0, 0.1),
        ("abc", 0, 0.1),
        ("-5", 0, 0.1),
        ("1.5.2", 0, 0.1),
        ("", 0, 0.1),
    ],
    ids=["date", "past date", "junk", "negative", "version", "empty"],
)
def test_h2_h24_retry_after_as_a_date_is_read_by_the_vendors_clock_and_junk_is_ignored(
    vendor, client, slept, retry_after, lowest, highest
):
    theirs = formatdate(THEIR_NOW, usegmt=True)
    vendor.answers(
        a_reply(b"", status=429, retry_after=retry_after, date=theirs), a_reply(a_payment_detail())
    )

    _payment(client)

    assert lowest <= slept[0] <= highest


@pytest.mark.parametrize("status", [429, 503])
def test_h2_a_pause_longer_than_the_cap_is_told_at_once(vendor, client, slept, status):
    vendor.answers(a_reply(b"", status=status, retry_after="86400"))

    with pytest.raises(MxRateLimited) as caught:
        client.get_payment(7)

    assert caught.value.retry_after_seconds == 86400
    assert slept == []


def test_connections_are_kept_and_shared_by_sixteen_threads(vendor, a_client, told):
    vendor.answers_by(
        lambda request: a_reply(an_invoice_detail(int(request.path.rsplit("/", 1)[1]) - 10_000_000))
    )
    client = a_client()

    with ThreadPoolExecutor(16) as pool:
        invoices = list(pool.map(client.get_invoice, range(10_000_001, 10_000_401)))

    assert [_invoice(each).invoice_id for each in invoices] == list(range(10_000_001, 10_000_401))
    assert vendor.connections <= 16
    assert told.outcomes == ["ok"] * 400


def test_sixteen_threads_each_retry_their_own_calls(vendor, a_client, told):
    def one_in_three_fails(request: Request) -> bytes:
        if len(vendor.requests) % 3 == 0:
            return a_reply(b"", status=503)
        return a_reply(an_invoice_detail(int(request.path.rsplit("/", 1)[1]) - 10_000_000))

    vendor.answers_by(one_in_three_fails)
    client = a_client(limits=CallLimits(tries=50))

    with ThreadPoolExecutor(16) as pool:
        invoices = list(pool.map(client.get_invoice, range(10_000_001, 10_000_301)))

    assert [_invoice(each).invoice_id for each in invoices] == list(range(10_000_001, 10_000_301))
    assert told.outcomes.count("ok") == 300
    assert len(told) == len(vendor.requests) > 400


def test_an_error_answer_does_not_cost_the_connection(vendor, client):
    vendor.answers(a_reply({"errorCode": "Busy"}, status=500), a_reply(a_payment_detail()))

    _payment(client)

    assert vendor.connections == 1


def test_the_deadline_of_one_thread_is_not_anothers(vendor, a_client):
    one_was_left = threading.Event()

    def slow(_: Request, wire: socket.socket) -> None:
        one_was_left.wait(30)
        wire.sendall(a_reply(a_payment_detail()))

    vendor.answers(slow)
    outcomes: list[object] = []

    def call(seconds: float) -> None:
        try:
            limits = CallLimits(total_deadline_seconds=seconds, tries=1)
            outcomes.append(a_client(limits=limits).get_payment(FIRST_ID + 1))
        except MxTimedOut as error:
            outcomes.append(error)
            one_was_left.set()

    threads = [threading.Thread(target=call, args=(seconds,)) for seconds in (0.5, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [type(outcome) for outcome in outcomes] == [MxTimedOut, PaymentDetail]


def test_the_gate_holds_each_request_and_hears_how_it_ended(vendor, a_client):
    gate = CountingGate()
    vendor.answers(a_reply(b"", status=500), a_page(a_payment()))

    list(a_client(gate=gate).list_payments())

    assert gate.entered == gate.left == 2
    assert gate.heard == ["mx_unavailable", "ok"]


def test_told_calls_know_endpoint_size_and_the_vendors_clock(vendor, client, told: Told):
    vendor.answers(a_page(a_payment(), date="Tue, 05 Aug 2025 10:00:00 GMT"))

    list(client.list_payments())

    (call,) = told
    assert (call.endpoint, call.outcome, call.status) == ("payment_list", "ok", 200)
    assert call.bytes > 1000
    assert call.seconds > 0
    assert call.date == "Tue, 05 Aug 2025 10:00:00 GMT"


class CountingGate:
    """A gate that lets everything through and remembers."""

    def __init__(self) -> None:
        self.entered = self.left = 0
        self.heard: list[str] = []

    def slot(self) -> CountingGate:
        return self

    def __enter__(self) -> None:
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        self.left += 1

    def saw(self, call) -> None:
        assert self.entered == self.left + 1
        self.heard.append(call.outcome)


def _payment(client: MxClient) -> PaymentDetail:
    payment = client.get_payment(FIRST_ID + 1)
    assert isinstance(payment, PaymentDetail)
    return payment


def _invoice(invoice: object) -> InvoiceDetail:
    assert isinstance(invoice, InvoiceDetail)
    return invoice
