"""MX rings: what it names is kept before it is told so, whoever else rings is told nothing, and nobody is held up."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from sqlalchemy import text

from mx_pipeline.operations.web.inbox_writer import InboxWriter
from mx_pipeline.operations.web.notifications import read_notification
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import INBOX_ROLE
from mx_pipeline_tests.fakes.ringing import PAYMENT, a_body, a_key, rings
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.web.conftest import Web

INBOX = "SELECT merchant_id, event, names, times, names_another, outcome FROM mx.webhook_inbox ORDER BY names"
STRANGERS = "SELECT refused FROM mx.webhook_strangers"
FORGED = "F" * 43
DEEP = b'{"eventType": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
UNREADABLE = {
    "not utf-8": b'{"eventType": "\xff\xfe"}',
    "not a number": b'{"eventType": "PaymentSuccess", "id": NaN}',
    "infinite": b'{"id": -Infinity}',
    "a key twice": b'{"eventType": "PaymentSuccess", "id": "1", "id": "2"}',
    "a key twice below": b'{"eventType": "PaymentSuccess", "id": "1", "customer": {"a": 1, "a": 2}}',
    "deep": DEEP,
    "a list": b"[]",
    "a text": b'"PaymentSuccess"',
    "cut": a_body()[:-1],
    "empty": b"",
    "form": b"eventType=PaymentSuccess&id=1",
    "lone surrogate bytes": b'{"id": "\xed\xa0\x80"}',
}


def test_what_is_named_is_kept_before_the_answer_and_nothing_else_of_it(web: Web) -> None:
    web.warehouse.has_merchant()
    key = a_key(web.warehouse)

    answer = rings(web.url, key)

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    assert web.warehouse.rows(INBOX) == [(MERCHANT, "PaymentSuccess", f"payment {PAYMENT}", 1, False, None)]
    everything = web.warehouse.everything(but="_no_such")
    assert "Pat Example" not in everything
    assert key not in everything


def test_s1_a_wrong_key_is_told_the_same_as_a_wrong_address_and_only_counted(web: Web) -> None:
    web.warehouse.has_merchant()
    key = a_key(web.warehouse)
    tried = [FORGED, "", "x", key[:-1], key + "A", key.swapcase(), "%00", "..%2f..", "é" * 43, "A" * 8_000]

    answers = [rings(web.url, forged) for forged in tried]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert web.warehouse.rows(INBOX) == []
    assert rings(web.url, key).status_code == 200
    assert web.call("GET", f"/webhooks/mx/{key}").status_code == 405


def test_s1_who_comes_with_a_wrong_key_is_counted_now_and_then(warehouse: WarehouseUnderTest) -> None:
    inbox = Warehouse(warehouse.logins, INBOX_ROLE, patience_seconds=0)
    forged = read_notification(FORGED, a_body())

    async def come() -> None:
        writer = InboxWriter(inbox, count_seconds=3)
        assert [await writer.keep(forged) for _ in range(3)] == [False] * 3
        assert warehouse.rows(STRANGERS) == []
        await asyncio.sleep(3.1)
        await writer.keep(forged)
        await writer.keep(forged)
        await writer.close()

    asyncio.run(come())

    assert warehouse.rows(STRANGERS) == [(5,)]
    assert warehouse.rows(INBOX) == []


def test_two_keys_are_good_at_once_and_a_third_takes_the_place_of_the_first(web: Web) -> None:
    web.warehouse.has_merchant()
    keys = [a_key(web.warehouse) for _ in range(3)]

    assert [rings(web.url, key).status_code for key in keys] == [404, 200, 200]
    assert web.warehouse.value("SELECT count(*) FROM mx.webhook_keys") == 2


def test_s2_the_same_body_a_hundred_times_is_one_row(web: Web) -> None:
    web.warehouse.has_merchant()
    key = a_key(web.warehouse)

    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: rings(web.url, key).status_code, range(100)))

    assert set(answers) == {200}
    assert web.warehouse.rows("SELECT names, times FROM mx.webhook_inbox") == [(f"payment {PAYMENT}", 100)]


def test_s5_what_is_too_large_or_too_slow_is_cut_off_and_nobody_else_notices(web: Web) -> None:
    web.warehouse.has_merchant()
    key = a_key(web.warehouse)
    with _line(web) as slow, _line(web) as told, _line(web) as chunked, _line(web) as headers:
        slow.sendall(_head(key, "Content-Length: 500"))
        began = time.monotonic()
        told.sendall(_head(key, "Content-Length: 52428800"))
        chunked.sendall(_head(key, "Transfer-Encoding: chunked"))
        _send_until_refused(chunked, b"4000\r\n" + b" " * 0x4000 + b"\r\n", times=3_200)
        headers.sendall(_head(key, *(f"X-{number}: {number}" for number in range(10_000))))

        assert _status(told) == 413
        assert _status(chunked) == 413
        assert _status(headers) == 431
        while time.monotonic() < began + 1.5:
            slow.sendall(b" ")
            assert rings(web.url, key).status_code == 200
            time.sleep(0.3)
        _send_until_refused(slow, b" ", times=80, pause=0.3)
        assert _status(slow) == 408
        assert time.monotonic() - began < 25  # 5 s where nothing else is done; the body at this pace is 150 s


@pytest.mark.parametrize("told", UNREADABLE)
def test_s7_what_cannot_be_read_is_refused_without_a_trace(web: Web, told: str) -> None:
    web.warehouse.has_merchant()
    key = a_key(web.warehouse)

    answer = rings(web.url, key, UNREADABLE[told])

    assert answer.status_code == 400
    assert answer.json()["code"] == "unreadable"
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    assert web.warehouse.rows(INBOX) == []


@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""]
)
def test_s7_a_wrong_content_type_is_refused(web: Web, media: str) -> None:
    web.warehouse.has_merchant()

    assert rings(web.url, a_key(web.warehouse), headers={"Content-Type": media}).status_code == 400


def test_what_names_no_record_is_kept_and_handled_at_once(web: Web) -> None:
    web.warehouse.has_merchant()
    key = a_key(web.warehouse)
    bodies = [
        a_body(eventType="Deposit"),
        a_body(eventType="SomethingNew"),
        a_body(eventType=7),
        a_body(payment_id=0),
        a_body(id="12; DROP TABLE mx.payments"),
        a_body(id="9" * 30),
        a_body(id=["1"]),
        b"{}",
    ]

    assert [rings(web.url, key, body).status_code for body in bodies] == [200] * len(bodies)
    assert {(row.names, row.outcome) for row in web.warehouse.rows(INBOX)} == {("nothing", "ignored")}
    assert {row.event for row in web.warehouse.rows(INBOX)} == {"Deposit", "PaymentSuccess", "other"}


def test_p5_while_the_payments_are_locked_notifications_are_kept(web: Web, database_url: str) -> None:
    web.warehouse.has_merchant()
    key = a_key(web.warehouse)

    with closing(psycopg2.connect(database_url)) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE mx.payments, mx.sync_requests, mx.sync_runs IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        answer = rings(web.url, key)
        took = time.monotonic() - began

    assert answer.status_code == 200
    assert took < 10  # the tables are locked for as long as it takes
    assert len(web.warehouse.rows(INBOX)) == 1


def test_what_cannot_be_committed_is_never_called_received(web: Web, database_url: str) -> None:
    web.warehouse.has_merchant()
    key = a_key(web.warehouse)

    with closing(psycopg2.connect(database_url)) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE mx.webhook_inbox IN ACCESS EXCLUSIVE MODE")
        refused = rings(web.url, key)

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert web.warehouse.rows(INBOX) == []
    assert rings(web.url, key).status_code == 200


def test_the_login_that_hears_mx_can_do_nothing_else(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    a_key(warehouse)
    tables = [name for (name,) in warehouse.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'mx'")]
    callable_here = {
        name
        for (name,) in warehouse.rows(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'mx'::regnamespace"
            " AND has_function_privilege('mx_inbox', oid, 'EXECUTE')"
        )
    }

    assert callable_here == {"receive_webhooks", "count_webhook_strangers"}
    for table in tables:
        with (
            closing(Warehouse(warehouse.logins, INBOX_ROLE)) as inbox,
            pytest.raises(Exception, match="permission denied"),
            inbox.merchant(MERCHANT) as tenant,
        ):
            tenant.connection.execute(text(f"SELECT count(*) FROM mx.{table}"))


def test_what_mx_sends_after_enable_is_kept_once(
    web: Web,
    in_this_process: Callable[..., Any],
    shell: CommandLine,
    clinic: Callable[..., int],
    mx: SyntheticMx,
) -> None:
    clinic(payments=5)
    assert in_this_process(shell.but(MX_PUBLIC_URL=web.url))("webhooks", "enable", MERCHANT).code == 0
    payments = [int(row["id"]) for row in mx.whole_list(MERCHANT, "payments")[:2]]

    answers = mx.rings(MERCHANT, *payments, copies=2)

    assert answers == [200] * 4
    assert mx.rings_for_batch(MERCHANT) == [200]
    rows = web.warehouse.rows("SELECT names, times FROM mx.webhook_inbox ORDER BY 1")
    assert rows == [("batch", 1), *sorted((f"payment {payment}", 2) for payment in payments)]


@contextmanager
def _line(web: Web) -> Iterator[socket.socket]:
    parts = urlsplit(web.url)
    with closing(socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)) as line:
        yield line


def _head(key: str, *headers: str) -> bytes:
    lines = [f"POST /webhooks/mx/{key} HTTP/1.1", "Host: here", "Content-Type: application/json", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _send_until_refused(line: socket.socket, part: bytes, *, times: int, pause: float = 0) -> None:
    for _ in range(times):
        try:
            line.sendall(part)
        except OSError:
            return
        line.setblocking(False)  # noqa: FBT003
        try:
            if line.recv(1, socket.MSG_PEEK):
                return
        except OSError:
            pass
        finally:
            line.settimeout(10)
        time.sleep(pause)


def _status(line: socket.socket) -> Any:
    return int(line.recv(4_096).split()[1])
