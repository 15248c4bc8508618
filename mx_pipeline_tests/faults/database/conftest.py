"""The scene of what befalls Postgres: a wire that is watched, and a server that may be stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import pytest
from sqlalchemy import URL

from mx_pipeline.access import OPERATOR
from mx_pipeline.sync.answering import Answerer
from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.warehouse.connections import Warehouse
from mx_pipeline.warehouse.logins import LOADER_ROLE, Logins
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.fakes.watched_wire import WatchedWire


def address(warehouse: WarehouseUnderTest) -> URL:
    """Of the server."""
    return warehouse.logins.admin


@pytest.fixture
def wire(warehouse: WarehouseUnderTest) -> Iterator[WatchedWire]:
    """Between the syncs of this test and Postgres; whoever arranges and examines goes around it."""
    url = address(warehouse)
    with WatchedWire(url.host or "", url.port or 0) as wire:
        yield wire


Opened = Callable[..., Clinic]


@dataclass(frozen=True)
class AskedElsewhere(Answerer):
    """As for the command line: who asks has a connection of his own."""

    asks: Warehouse = field(kw_only=True)

    def ask_and_answer(self, merchant_id: int, request: SyncRequest, **how: Any) -> SyncReport:
        with self.asks.merchant(merchant_id, person=OPERATOR) as tenant:
            request_id = ask(tenant, request, claimed_by=self.name)
        return self.answer(merchant_id, request_id, **how)


@pytest.fixture
def syncs_with(warehouse: WarehouseUnderTest) -> Iterator[Opened]:
    """`syncs_with(clinic, wire, patience_seconds=2)`: its syncs use the wire, and wait so long and no longer."""
    opened: list[Warehouse] = []

    def syncs_with(
        clinic: Clinic, wire: WatchedWire | None = None, *, patience_seconds: float = 30
    ) -> Clinic:
        url = address(warehouse).set(port=wire.port) if wire else address(warehouse)
        loader = Warehouse(Logins(url, warehouse.logins.key), LOADER_ROLE, patience_seconds=patience_seconds)
        opened.append(loader)
        old = clinic.answerer
        clinic.answerer = AskedElsewhere(
            loader, old.sealer, old.mx_urls, old.name, limits=old.limits, asks=warehouse.app
        )
        return clinic

    yield syncs_with
    for loader in opened:
        loader.close()


@contextmanager
def superuser(warehouse: WarehouseUnderTest) -> Iterator[Any]:
    """Somebody else's transaction, open until it is ended here."""
    url = address(warehouse).set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        yield cursor


def waits_for_lock(warehouse: WarehouseUnderTest) -> None:
    """Return when a loader's session waits for a lock."""
    deadline = time.monotonic() + 60
    while not warehouse.rows(
        "SELECT FROM pg_stat_activity WHERE usename = 'mx_loader' AND wait_event_type = 'Lock'"
        " AND datname = current_database()"
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
