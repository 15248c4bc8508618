"""S6: however many ring, what was accepted is there, other routes answer, and what waits is bounded."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2

from mx_pipeline.errors import WarehouseUnavailable
from mx_pipeline.operations.web.inbox_writer import MOST_WAITING, InboxWriter
from mx_pipeline.operations.web.notifications import read_notification
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import INBOX_ROLE
from mx_pipeline_tests.fakes.flooding import flood
from mx_pipeline_tests.fakes.ringing import a_body, a_key
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.web.conftest import Web

KEPT = "SELECT count(*) FROM mx.webhook_inbox"
CONNECTIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mx_inbox' AND datname = current_database()"
)


def test_s6_a_flood_loses_nothing_that_was_accepted_and_holds_up_nobody(web: Web) -> None:
    web.warehouse.has_merchant()
    key = a_key(web.warehouse)
    web.call("GET", "/healthz")
    most = 0
    ended = threading.Event()

    def watch() -> int:
        most = 0
        while not ended.wait(0.05):
            most = max(most, web.warehouse.value(CONNECTIONS))
        return most

    with ThreadPoolExecutor(1) as watching:
        watched = watching.submit(watch)
        flooded = asyncio.run(flood(web.url, key, rate=2_000, seconds=2))
        ended.set()
        most = watched.result()

    assert set(flooded.answers) <= {200, 429, 503}
    assert flooded.kept > 1_000
    assert web.warehouse.value(KEPT) == flooded.kept
    assert most == 1, "the flood has one connection, and takes none of those that people's calls need"
    assert sorted(flooded.elsewhere)[len(flooded.elsewhere) // 2] < 2


def test_s6_while_nothing_can_be_written_a_bounded_number_waits_and_the_others_come_again(
    warehouse: WarehouseUnderTest, database_url: str
) -> None:
    warehouse.has_merchant()
    key = a_key(warehouse)
    many = [read_notification(key, a_body(7_000 + number, MERCHANT)) for number in range(MOST_WAITING * 2)]
    inbox = Warehouse(warehouse.logins, INBOX_ROLE, patience_seconds=0)

    async def come() -> tuple[list[bool | BaseException], int]:
        writer = InboxWriter(inbox)
        with closing(psycopg2.connect(database_url)) as other, other.cursor() as cursor:
            cursor.execute("LOCK TABLE mx.webhook_inbox IN ACCESS EXCLUSIVE MODE")
            waiting = [asyncio.create_task(writer.keep(one)) for one in many]
            await asyncio.sleep(0.5)
            refused_at_once = sum(one.done() for one in waiting)
            other.rollback()
            answers = await asyncio.gather(*waiting, return_exceptions=True)
        await writer.close()
        return answers, refused_at_once

    answers, refused_at_once = asyncio.run(come())

    assert refused_at_once == len(many) - MOST_WAITING
    kept = [one for one in answers if one is True]
    assert all(isinstance(one, WarehouseUnavailable) for one in answers if one is not True)
    assert warehouse.value(KEPT) == len(kept) == MOST_WAITING
