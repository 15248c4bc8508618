"""P17: every migration there is, one after the other, under whoever writes meanwhile."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 # a class
from sqlalchemy import make_url

from mx_pipeline.errors import WarehouseLocked
from mx_pipeline.warehouse.logins import LOADER_ROLE
from mx_pipeline.warehouse.migrate import Migrated, migrate, newest
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.faults.database.conftest import superuser
from mx_pipeline_tests.faults.database.earlier_release import (
    FIRST,
    contents,
    copied_rows,
    first_release,
    stored,
)

__all__ = ["first_release"]

PAYMENTS = 120
PAGE = 10
FIRST_RELEASE = dict(
    re.findall(
        r"^-- name: (\w+)\n(.*?)(?=^-- name: |\Z)",
        (Path(__file__).parent / "first_release.sql").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
)
PAGES = """
SELECT json_agg(json_build_object(
           'id', mx_payment_id, 'hash', 0, 'created', created, 'amount', amount, 'status', 'Of the first release',
           'type', type, 'source', source, 'tenderType', tender_type, 'invoice', invoice_reference,
           'refundedAmount', refunded_amount, 'settledAmount', settled_amount, 'surchargeAmount', surcharge_amount,
           'tax', tax_amount, 'payload', payload, 'customerName', customer_name, 'customerCode', customer_code))
  FROM (SELECT *, row_number() OVER (ORDER BY mx_payment_id) - 1 AS place
          FROM mx.payments WHERE merchant_id = :merchant) AS payment
  LEFT JOIN mx.payment_people USING (merchant_id, mx_payment_id)
 GROUP BY place / :page ORDER BY place / :page
"""
WAITING = """
SELECT session.pid FROM pg_stat_activity AS session
 WHERE application_name = 'mx_pipeline migrate' AND datname = current_database() AND wait_event_type = 'Lock'
"""
NEWER_HALF = """
DELETE FROM mx.{table} WHERE merchant_id = :merchant AND mx_payment_id IN (
    SELECT mx_payment_id FROM mx.payments WHERE merchant_id = :merchant ORDER BY mx_payment_id DESC LIMIT :half)
"""
OF_A_PAYMENT = ("payment_people", "payment_history", "payment_invoices", "enriched_transactions", "payments")
PASSING = re.compile("40|55P03|57")


def test_p17_the_first_releases_loader_writes_before_under_and_after_all_migrations_and_nothing_is_lost(
    a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest, first_release: WarehouseUnderTest
) -> None:
    clinic = a_clinic(payments=PAYMENTS)
    assert clinic.sync("full").outcome == "success"
    pages = [json.dumps(page) for (page,) in warehouse.rows(PAGES, merchant=MERCHANT, page=PAGE)]
    copied = copied_rows(warehouse, first_release)
    for table in OF_A_PAYMENT:
        first_release.damage(NEWER_HALF.format(table=table), merchant=MERCHANT, half=stored(clinic) // 2)
    before = contents(first_release, copied)

    with first_releases_loader(first_release) as loader:
        for page in pages[:3]:
            writes(loader, page)
        with migrating(first_release) as done:
            writes(loader, *pages[3:5], meanwhile=lambda: has_tried_again(first_release))
            for page in pages[5:9]:
                writes(loader, page)
        for page in pages[9:]:
            writes(loader, page)

    in_all, after = stored(clinic), contents(first_release, copied)
    assert [(each.before, each.after) for each in done] == [(FIRST, newest())]
    assert first_release.rows(
        "SELECT count(*), min(status), max(status) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT
    ) == [(in_all, "Of the first release", "Of the first release")]
    assert len(after["payment_history"]) - len(before["payment_history"]) == in_all - in_all // 2
    untouched = [table for table in copied if table not in {"payments", "payment_history"}]
    assert [table for table in untouched if not set(before[table]) <= set(after[table])] == []
    for view, table in (("transactions", "payments"), ("invoices", "invoice_documents")):
        assert first_release.value(f"SELECT count(*) FROM mx.{view}") == len(after[table])
    clinic.warehouse = first_release
    old = clinic.answerer
    clinic.answerer = type(old)(
        first_release.loader, first_release.sealer, old.mx_urls, "test", limits=old.limits
    )
    report = clinic.sync("full")
    assert report.outcome == "success", report.message
    assert clinic.differences() == []


def test_p17_a_migration_that_gets_no_lock_changes_nothing_and_names_who_holds_the_table(
    first_release: WarehouseUnderTest,
) -> None:
    with superuser(first_release) as reading:
        reading.execute("SET application_name = 'a long report'; SELECT count(*) FROM mx.payments")
        with pytest.raises(WarehouseLocked, match=r"\(a long report, process \d+\) on mx\.payments"):
            migrate(first_release.logins, patience_seconds=0)

    assert first_release.value("SELECT version_num FROM mx.alembic_version") == FIRST
    assert migrate(first_release.logins).after == newest()


@contextmanager
def first_releases_loader(warehouse: WarehouseUnderTest) -> Iterator[Connection]:
    url = make_url(warehouse.logins.url(LOADER_ROLE)).set(drivername="postgresql")
    with closing(psycopg2.connect(url.render_as_string(hide_password=False))) as connection:
        yield connection


def writes(loader: Connection, *pages: str, meanwhile: Callable[[], Any] = lambda: None) -> None:
    """One transaction, run again as a whole where Postgres could not do it now, as that release did."""
    values = {"merchant": str(MERCHANT), "merchant_id": MERCHANT, "observed_at": "now"}
    deadline = time.monotonic() + 60
    while True:
        try:
            with loader, loader.cursor() as cursor:
                cursor.execute(FIRST_RELEASE["enter"], values)
                cursor.execute(FIRST_RELEASE["merge_payments"], {**values, "page": pages[0]})
                meanwhile()
                for page in pages[1:]:
                    cursor.execute(FIRST_RELEASE["merge_payments"], {**values, "page": page})
            return  # noqa: TRY300 # it is the with that succeeds
        except psycopg2.Error as error:
            if not PASSING.match(error.pgcode or "") or time.monotonic() > deadline:
                raise
            meanwhile = lambda: None  # noqa: E731 # once


@contextmanager
def migrating(warehouse: WarehouseUnderTest) -> Iterator[list[Migrated]]:
    done: list[Migrated] = []
    thread = Thread(target=lambda: done.append(migrate(warehouse.logins)))
    thread.start()
    yield done
    thread.join()


def has_tried_again(warehouse: WarehouseUnderTest) -> None:
    """Return when the migration waits for the second time, by another connection."""
    met: set[int] = set()
    deadline = time.monotonic() + 30
    while len(met) < 2:  # tries
        met |= {pid for (pid,) in warehouse.rows(WAITING)}
        assert time.monotonic() < deadline
        time.sleep(0.02)
