"""A clinic in the synthetic MX, registered in a warehouse of its own, and the processes that sync it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import make_url

from mx_pipeline.local.embedded_postgres import EmbeddedPostgres, running
from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline.warehouse.migrate import migrate
from mx_pipeline_tests.bench import sql
from mx_pipeline_tests.bench.synthetic_process import TIMEZONE, SyntheticProcess, synthetic_process
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.local.throwaway_postgres import throwaway_directory

TEMPLATE = "template_bench"
FIRST_MERCHANT = 1_000_000_001
PAYMENTS_PER_PAGE, INVOICES_PER_PAGE = 1_000, 500


@dataclass(frozen=True)
class Clinic:
    """One merchant on both sides."""

    mx: SyntheticProcess
    merchant_id: int
    key: tuple[str, str]
    database_url: str
    warehouse: WarehouseUnderTest
    payments: int

    def sync(self, mode: str = "full") -> dict[str, Any]:
        """One sync in a process of its own: what it spent, and its report."""
        ran = self._child("one_sync", str(self.merchant_id), mode)
        if ran["status"] != "success":
            raise RuntimeError(f"the sync that was to be measured ended as {ran['status']}: {ran['message']}")
        return ran

    def floor(self) -> dict[str, Any]:
        """The raw client fetches what a first load fetches: all pages, and every detail that is here."""
        mine = f"merchantId={self.merchant_id}"
        lists = (
            ("payment", PAYMENTS_PER_PAGE, "mx.payments"),
            ("invoice", INVOICES_PER_PAGE, "mx.invoice_documents"),
        )
        paths = [
            f"/checkout/v3/{name}?{mine}&limit={size}&offset={offset}"
            for name, size, table in lists
            for offset in range(0, self.held(f"SELECT count(*) FROM {table}"), size)
        ]
        for name, table, mx_id in (
            ("payment", "mx.payments", "mx_payment_id"),
            ("invoice", "mx.invoice_documents", "mx_invoice_id"),
        ):
            asked = f"SELECT {mx_id} FROM {table} WHERE detail_observed_at IS NOT NULL"
            paths += [f"/checkout/v3/{name}/{found}?{mine}" for found in sql.column(self.database_url, asked)]
        key, secret = self.key
        return self._child("floor", told={"url": self.mx.url, "key": key, "secret": secret, "paths": paths})

    def held(self, statement: str) -> int:
        """One number from the warehouse."""
        return sql.column(self.database_url, statement)[0]

    def forget(self) -> None:
        """Empty the warehouse of everything but the merchant itself."""
        sql.run(
            self.database_url,
            "TRUNCATE mx.payments, mx.invoice_documents, mx.invoice_map, mx.invoice_map_misses, mx.sync_state,"
            " mx.quarantine CASCADE",
        )

    def _child(self, module: str, *arguments: str, told: object = None) -> dict[str, Any]:
        environment = {
            **os.environ,
            "MX_DATABASE_URL": self.database_url,
            "MX_SEALING_KEY": self.warehouse.logins.key.to_base64(),
            "MX_SANDBOX_URL": self.mx.url,
        }
        ended = subprocess.run(
            [sys.executable, "-m", f"{__package__}.{module}", *arguments],
            input=json.dumps(told).encode(),
            stdout=subprocess.PIPE,
            env=environment,
            check=True,
        )
        return json.loads(ended.stdout)


@dataclass(frozen=True)
class Machine:
    """The synthetic MX and a Postgres with default durability, for as many clinics as a bench needs."""

    mx: SyntheticProcess
    postgres: EmbeddedPostgres
    sealing_key: SealingKey
    numbers: Any

    @contextmanager
    def clinic(self, payments: int, *, walk_ins_only: bool = False) -> Generator[Clinic]:
        """A new merchant with so many payments, and an empty warehouse that knows it."""
        number = next(self.numbers)
        merchant_id = FIRST_MERCHANT + number
        key = self.mx.add_merchant(merchant_id, payments=payments, walk_ins_only=walk_ins_only)
        url = self.postgres.create_database(f"bench_{number}", template=TEMPLATE)
        warehouse = WarehouseUnderTest(Logins(make_url(url).set(drivername=DRIVER), self.sealing_key))
        warehouse.has_merchant(merchant_id, key=key[0], secret=key[1], timezone=TIMEZONE)
        try:
            yield Clinic(self.mx, merchant_id, key, url, warehouse, payments)
        finally:
            warehouse.close()
            self.mx.remove_merchant(merchant_id)
            sql.drop_database(self.postgres.url(), f"bench_{number}")


@contextmanager
def machine() -> Generator[Machine]:
    """Everything started, and stopped at the end of the block."""
    with throwaway_directory() as home, running(home) as postgres, synthetic_process() as mx:
        key = SealingKey.generate()
        url = postgres.create_database(TEMPLATE)
        migrate(Logins(make_url(url).set(drivername=DRIVER), key))
        yield Machine(mx, postgres, key, count())
