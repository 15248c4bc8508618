"""State that is wrong: damaged by hand, or as old as yesterday's backup. The next sync finds out, and mends it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import IntegrityError

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres
from mx_pipeline.local.postgres_binaries import environment, find_binaries
from mx_pipeline.local.postgres_place import existing_place
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

NONSENSE = [
    "walk_open = true, position = 1000000000",
    "walk_open = true, position = 170",
    "walk_open = false, position = 90, walked_at = NULL",
    "walk_open = true, position = 0, walked_at = now() + interval '1 year'",
    "walk_open = true, position = 250, record_count = -5, walked_at = NULL, daily_at = NULL, weekly_at = NULL",
]


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_p20_nonsense_in_the_state_loses_nothing(examination: Examination, nonsense: str) -> None:
    clinic = examination.clinic(payments=120)
    clinic.mx.behaves(MERCHANT, payment_page_cap=60, invoice_page_cap=60)
    examination.sync(clinic)
    clinic.mx.receives(MERCHANT, payments=130)
    clinic.warehouse.damage(f"UPDATE mx.sync_state SET {nonsense} WHERE merchant_id = {MERCHANT}")

    report = examination.sync(clinic)

    examination.is_whole(clinic, report)


@pytest.mark.parametrize("nonsense", NONSENSE[:2])
def test_p20_nonsense_before_the_first_page_loses_nothing(examination: Examination, nonsense: str) -> None:
    clinic = examination.clinic(payments=250)
    clinic.mx.behaves(MERCHANT, payment_page_cap=60, invoice_page_cap=60)
    for stream in ("payments", "invoices"):
        clinic.warehouse.damage(
            f"INSERT INTO mx.sync_state (merchant_id, stream) VALUES ({MERCHANT}, '{stream}')"
        )
    clinic.warehouse.damage(f"UPDATE mx.sync_state SET {nonsense} WHERE merchant_id = {MERCHANT}")

    report = examination.sync(clinic)

    examination.is_whole(clinic, report)


def test_p20_a_negative_position_is_refused(examination: Examination) -> None:
    clinic = examination.clinic(payments=20)
    examination.sync(clinic)

    with pytest.raises(IntegrityError, match="sync_state_position_check"):
        clinic.warehouse.damage("UPDATE mx.sync_state SET position = -1")


@pytest.fixture
def dumped(postgres: EmbeddedPostgres, warehouse: WarehouseUnderTest) -> Iterator[Callable[[], str]]:
    """Makes a dump of the warehouse as it is; returns a way to get a database with what was in it."""
    place = existing_place(postgres.home)
    assert place is not None
    tools = Path(find_binaries(place).postgres).parent
    name = f"restored_{warehouse.logins.admin.database}"
    dump = postgres.home / name

    def tool(program: str, *arguments: str) -> None:
        subprocess.run([tools / program, *arguments], check=True, env=environment(), capture_output=True)

    tool("pg_dump", "--format=custom", f"--file={dump}", url_of(warehouse))

    def restored() -> str:
        url = postgres.create_database(name)
        tool("pg_restore", f"--dbname={url}", str(dump))
        return url

    yield restored
    with closing(psycopg2.connect(postgres.url())) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def url_of(warehouse: WarehouseUnderTest) -> str:
    return warehouse.logins.admin.set(drivername="postgresql").render_as_string(hide_password=False)


def test_p21_after_a_restore_of_yesterdays_backup_the_next_sync_closes_the_gap(
    examination: Examination,
    request: pytest.FixtureRequest,
    warehouse: WarehouseUnderTest,
    sealing_key: SealingKey,
) -> None:
    clinic = examination.clinic(payments=200, is_synced=True)
    restored: Callable[[], str] = request.getfixturevalue("dumped")
    clinic.mx.advance(days=1, merchant_id=MERCHANT)
    clinic.mx.receives(MERCHANT, payments=25)
    clinic.mx.has_payments(MERCHANT, *[{"source": "QuickPay", "created": "2020-01-05T10:00:00Z"}] * 3)
    clinic.mx.behaves(MERCHANT, payment_page_cap=60)
    assert examination.sync(clinic, "incremental").outcome == "success"

    old = WarehouseUnderTest(Logins(make_url(restored()).set(drivername=DRIVER), sealing_key))
    again = Clinic(clinic.mx, old, MERCHANT, key=clinic.key)
    report = again.sync("incremental")

    assert report.outcome == "success", report.message
    assert again.rows("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT) == [
        (len([true for true in clinic.mx.truth(MERCHANT) if true["record"] == "payment"]),)
    ]
    assert again.sync("full").outcome == "success"
    assert again.differences() == []
    old.close()
