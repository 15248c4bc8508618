"""
What row-level security costs: the same work on copies of one warehouse that differ in their policies only.

Measured is processor time, ours and the server's together; ratios are of the same turn, and their median counts.
The reads go through the application's own door, a transaction each, for somebody with a role at the merchant. Without
policies they name the merchant, and nothing is decided as a transaction begins; with policies they leave the merchant
to its transaction, as the application's exports do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import make_url, text

from mx_pipeline.warehouse.logins import DRIVER, Logins
from mx_pipeline_tests.bench.clinic import Clinic, Machine
from mx_pipeline_tests.bench.figures import TIMES, Figure
from mx_pipeline_tests.bench.load_rows import load, pages_of
from mx_pipeline_tests.bench.sql import column, drop_database, run
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

MOST = 1.05
PERSON = "00000000-0000-4000-8000-000000000001"
READABLE = ("mx.may_enter", "mx.may_read_payments", "mx.may_read_invoices", "mx.may_read_names")
READS_PER_RUN = 10
NEIGHBOURS = 4
MONTH = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
"""Instants: to compare one with a date is an operator that Postgres trusts with no row which a policy may hide."""
DISABLE = (
    "SELECT format('ALTER TABLE mx.%%I DISABLE ROW LEVEL SECURITY', tablename)"
    " FROM pg_tables WHERE schemaname = %s"
)
LEAVE_THE_TENANT = (
    "SELECT format('DROP POLICY %%I ON mx.%%I', policyname, tablename) FROM pg_policies WHERE schemaname = %s"
    " AND permissive = 'RESTRICTIVE' AND policyname NOT IN ('only_this_merchant', 'only_what_may_be_read')"
)
WITHOUT_A_DECISION = """
CREATE OR REPLACE FUNCTION mx.enter(merchant text, person text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN left(concat({settings}), 0);
END $$
"""
READS = {
    "the newest 100 payments": """
        SELECT mx_payment_id, amount, status, product_name, customer_name FROM mx.transactions
         WHERE {mine} ORDER BY transaction_date DESC, mx_payment_id DESC LIMIT 100""",
    "a month's sums by category": """
        SELECT product_category, count(*), sum(amount) FROM mx.transactions
         WHERE {mine} AND transaction_date >= :since AND transaction_date < :until
         GROUP BY product_category""",
    "one payment": """
        SELECT mx_payment_id, amount, status, product_name, customer_name, membership_status FROM mx.transactions
         WHERE {mine} AND mx_payment_id = :payment""",
    "a page of invoices": """
        SELECT mx_invoice_id, invoice_number, status, total_amount, customer_name, data_sent_status FROM mx.invoices
         WHERE {mine} ORDER BY mx_invoice_id DESC LIMIT 50""",
}
COPY_TO_NEIGHBOURS = """
DO $$
DECLARE
    tenant_table text;
    others text;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOREACH tenant_table IN ARRAY ARRAY['payments', 'payment_people', 'invoice_documents', 'invoice_people',
        'invoice_purchases', 'invoice_payments', 'invoice_map', 'payment_invoices', 'enriched_transactions']
    LOOP
        SELECT string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) INTO others
          FROM information_schema.columns
         WHERE table_schema = 'mx' AND table_name = tenant_table AND is_generated = 'NEVER'
           AND column_name <> 'merchant_id';
        EXECUTE format('INSERT INTO mx.%I (merchant_id, %s) SELECT merchant_id + step, %s'
                       '  FROM mx.%I, generate_series(1, %s) AS step', tenant_table, others, others, tenant_table,
                       {neighbours});
    END LOOP;
END $$
"""


def policy_rows(
    machine: Machine, payments: int, runs: int, *, neighbours: int = NEIGHBOURS
) -> Iterator[Figure]:
    with machine.clinic(payments) as clinic, ExitStack() as stack:
        clinic.sync()
        run(clinic.database_url, COPY_TO_NEIGHBOURS.replace("{neighbours}", str(neighbours)))
        run(
            clinic.database_url,
            f"INSERT INTO mx.users (id, email) VALUES ('{PERSON}', 'bench@b.invalid');"
            " INSERT INTO mx.user_tenant_permissions (merchant_id, user_id, role)"
            f" VALUES ({clinic.merchant_id}, '{PERSON}', 'tenant_admin')",
        )
        run(clinic.database_url, "ANALYZE")  # before the copies, so that all plan by the same figures
        copies = {
            name: stack.enter_context(_Copy(machine, clinic, name, change))
            for name, change in (("none", DISABLE), ("tenant", LEAVE_THE_TENANT), ("all", None))
        }
        yield from _reads(copies, runs)
        yield _loads(copies, pages_of(clinic), runs)


class _Copy:
    """A copy of the clinic's warehouse, with some of its policies taken away."""

    def __init__(self, machine: Machine, clinic: Clinic, name: str, change: str | None) -> None:
        self.machine, self.name, self.change = machine, f"bench_policies_{name}", change
        self.template = make_url(clinic.database_url).database or ""
        self.clinic, self.logins = clinic, clinic.warehouse.logins

    def __enter__(self) -> Clinic:
        self.clinic.warehouse.close()  # nobody may be connected to what is copied
        url = self.machine.postgres.create_database(self.name, template=self.template)
        for statement in column(url, self.change, "mx") if self.change else []:
            run(url, statement)
        if self.change:
            settings = (
                ("mx.merchant_id", *READABLE) if self.change == LEAVE_THE_TENANT else ("mx.merchant_id",)
            )
            told = ", ".join(f"set_config('{setting}', merchant, true)" for setting in settings)
            person = "set_config('mx.user_id', person, true)"
            run(url, WITHOUT_A_DECISION.replace("{settings}", f"{told}, {person}"))
        self.warehouse = WarehouseUnderTest(Logins(make_url(url).set(drivername=DRIVER), self.logins.key))
        return Clinic(
            self.clinic.mx,
            self.clinic.merchant_id,
            self.clinic.key,
            url,
            self.warehouse,
            self.clinic.payments,
        )

    def __exit__(self, *_: object) -> None:
        self.warehouse.close()
        drop_database(self.machine.postgres.url(), self.name)


def _reads(copies: dict[str, Clinic], runs: int) -> Iterator[Figure]:
    payment = column(copies["all"].database_url, "SELECT max(mx_payment_id) FROM mx.payments")[0]
    took: dict[tuple[str, str], list[float]] = {(read, name): [] for read in READS for name in copies}
    for turn in range(-1, runs):  # one to warm up
        for read, statement in READS.items():
            for name in list(copies)[:: -1 if turn % 2 else 1]:
                asked = statement.replace("{mine}", "merchant_id = :merchant" if name == "none" else "true")
                seconds = _spent(copies[name], lambda clinic, sql=asked: _read(clinic, sql, payment))
                if turn >= 0:
                    took[read, name].append(seconds)
    for name, words in (("tenant", "the tenant's policies"), ("all", "a person's permissions asked too")):
        ratios = {read: _ratio(took[read, name], took[read, "none"]) for read in READS}
        sums = [
            [sum(turn) for turn in zip(*(took[read, each] for read in READS), strict=True)]
            for each in (name, "none")
        ]
        whole = _ratio(*sums)
        yield Figure(
            "rls", f"tenant reads under row-level security, {words}, of the same without", whole, TIMES, MOST,
            beside={"runs": runs, "each": ratios,
                    "milliseconds": {read: 1000 * median(took[read, name]) / READS_PER_RUN for read in READS}},
        )  # fmt: skip


def _loads(copies: dict[str, Clinic], pages: Any, runs: int) -> Figure:
    took: dict[str, list[float]] = {"none": [], "all": []}
    for turn in range(-1, runs):
        for name in list(took)[:: -1 if turn % 2 else 1]:
            copies[name].forget()
            seconds = _spent(copies[name], lambda clinic: load(clinic, pages))
            if turn >= 0:
                took[name].append(seconds)
    ratio = _ratio(took["all"], took["none"])
    beside = {"runs": runs, "seconds": median(took["all"]), "seconds_without": median(took["none"])}
    return Figure(
        "rls", "loading under row-level security, of the same without", ratio, TIMES, MOST, beside=beside
    )


def _ratio(seconds: list[float], without: list[float]) -> float:
    """The median of what each turn says."""
    return median(one / other for one, other in zip(seconds, without, strict=True))


def _read(clinic: Clinic, statement: str, payment: int) -> None:
    since, until = MONTH
    asked = {"merchant": clinic.merchant_id, "since": since, "until": until, "payment": payment}
    used = {name: value for name, value in asked.items() if f":{name}" in statement}
    for _ in range(READS_PER_RUN):
        with clinic.warehouse.app.merchant(clinic.merchant_id, person=PERSON) as tenant:
            assert tenant.connection.execute(text(statement), used).all()


def _spent(clinic: Clinic, work: Callable[[Clinic], object]) -> float:
    """Seconds of the processor, ours and those of the server's processes for this warehouse."""
    before = _servers(clinic)
    began = time.process_time()
    work(clinic)
    ours = time.process_time() - began
    after = _servers(clinic)
    return ours + sum(seconds - before.get(process, 0) for process, seconds in after.items())


def _servers(clinic: Clinic) -> dict[int, float]:
    processes = column(
        clinic.database_url,
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename LIKE %s",
        "mx_%",
    )
    return {pid: int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9 for pid in processes}
