"""A process is killed at any moment, or stopped until its lease is lost: the next goes on, and asks little twice."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from dataclasses import replace
from typing import Any, Literal

import pytest

from mx_pipeline.sync.orders import Phase
from mx_pipeline.synthetic_mx import Rule
from mx_pipeline.synthetic_mx.behaviour import Answer, Asked
from mx_pipeline_tests.chaos.kills import HALF_A_MINUTE_LATER, IN_FLIGHT, kill_again_and_again
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.syncing_process import Job, SyncingProcess
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.fakes.watched_wire import WatchedWire, Wire

PAYMENTS, PAGE, PAGES = 240, 100, 3
A_MINUTE = 60
"""The process may get to where it is killed before whoever has started it knows it."""
KILLS, KILLS_SEED = 6, 5
"""`python -m mx_pipeline_tests.chaos --kills 50` does the rest."""
PAGES_IN_FLIGHT = 3
"""The page that was being written, the one read ahead, and the list's top, where new ones would be."""

AT_A_STATEMENT: list[tuple[str, int, Literal["before", "after"]]] = [
    ("INSERT INTO mx.sync_leases", 1, "before"),
    ("INSERT INTO mx.sync_leases", 1, "after"),
    ("INSERT INTO mx.sync_runs", 1, "after"),
    ("INSERT INTO mx.payments", 2, "before"),
    ("INSERT INTO mx.payments", 2, "after"),
    ("INSERT INTO mx.sync_state", 2, "before"),
    ("COMMIT", 14, "before"),
    ("COMMIT", 14, "after"),
    ("mx.merge_invoice_details", 2, "before"),
    ("mx.merge_invoice_details", 2, "after"),
    ("INSERT INTO mx.enriched_transactions", 1, "before"),
    ("INSERT INTO mx.certificates", 1, "before"),
    ("SET finished_at = now(), outcome", 1, "after"),
    ("SET status = 'done'", 1, "before"),
]
AT_A_CALL = [("payments", 2), ("invoices", 1), ("invoice", 0), ("invoice", 70)]


def job_of(clinic: Clinic, wire: WatchedWire | None = None, mode: str = "incremental") -> Job:
    logins = clinic.warehouse.logins
    if wire:
        logins = replace(logins, admin=logins.admin.set(port=wire.port))
    return Job(logins, clinic.mx.url, clinic.merchant_id, mode)


def a_clinic_with_pages(examination: Examination) -> Clinic:
    clinic = examination.clinic(payments=PAYMENTS)
    clinic.mx.behaves(MERCHANT, payment_page_cap=PAGE, invoice_page_cap=PAGE)
    clinic.mx.reset_calls()
    return clinic


def asked(clinic: Clinic) -> Counter[str]:
    """What was asked for since the calls were counted last."""
    assert len(clinic.mx.calls()["requests"]) == clinic.mx.call_count()
    return Counter(line["endpoint"] + " " + line["request"] for line in clinic.mx.calls()["requests"])


def goes_on(examination: Examination, clinic: Clinic, before: Counter[str]) -> None:
    """One more sync: exact, one page read twice besides the list's top, no detail twice but those in flight."""
    clinic.warehouse.damage(HALF_A_MINUTE_LATER)
    examination.somebody_died = True

    report = examination.sync(clinic, "incremental")

    assert report.outcome == "success", report.message
    assert clinic.differences() == []
    calls = before + asked(clinic)
    for stream in ("payments ", "invoices "):
        assert sum(n for line, n in calls.items() if line.startswith(stream)) <= PAGES + PAGES_IN_FLIGHT, (
            calls
        )
    twice = sum(n - 1 for line, n in calls.items() if line.startswith("invoice "))
    assert twice <= IN_FLIGHT
    examination.changes_nothing(clinic, "incremental")


@pytest.mark.parametrize(("words", "nth", "when"), AT_A_STATEMENT)
def test_p12_killed_at_a_statement(
    examination: Examination, wire: WatchedWire, words: str, nth: int, when: Literal["before", "after"]
) -> None:
    clinic = a_clinic_with_pages(examination)
    victim = Future[SyncingProcess]()

    def kill(at: Wire) -> None:
        victim.result(A_MINUTE).kill()
        at.cut()

    moment = wire.at(words, kill, nth=nth, when=when)
    victim.set_result(SyncingProcess(job_of(clinic, wire)))

    assert victim.result(A_MINUTE).ended() is None
    assert moment.is_over
    goes_on(examination, clinic, asked(clinic))


@pytest.mark.parametrize(("endpoint", "skip"), AT_A_CALL)
def test_p12_killed_at_a_call(examination: Examination, endpoint: str, skip: int) -> None:
    clinic = a_clinic_with_pages(examination)
    victim = Future[SyncingProcess]()

    async def kill(_: Asked, answer: Answer) -> Answer:
        victim.result(A_MINUTE).kill()
        return answer

    clinic.mx.answers(Rule(act=kill, endpoint=endpoint, skip=skip, times=1))
    victim.set_result(SyncingProcess(job_of(clinic)))

    assert victim.result(A_MINUTE).ended() is None
    goes_on(examination, clinic, asked(clinic))


def test_p12_killed_again_and_again_nothing_is_asked_twice_but_what_was_in_flight(
    a_clinic: Callable[..., Clinic], record_property: Callable[[str, object], None]
) -> None:
    told = kill_again_and_again(a_clinic(payments=400), kills=KILLS, seed=KILLS_SEED)

    record_property("told", f"kills: {told}")
    assert told.differences == []
    assert told.is_clean, str(told)
    assert told.twice > 0, "none was killed among its details"


def test_p12_pages_that_were_written_are_not_read_again(
    a_clinic: Callable[..., Clinic], wire: WatchedWire
) -> None:
    clinic = a_clinic(payments=1000)
    clinic.mx.behaves(MERCHANT, payment_page_cap=100)
    clinic.mx.reset_calls()
    phases = frozenset({Phase.PAYMENTS})
    victim = Future[SyncingProcess]()
    wire.at("INSERT INTO mx.payments", lambda at: (victim.result(A_MINUTE).kill(), at.cut()), nth=9)
    victim.set_result(SyncingProcess(replace(job_of(clinic, wire), phases=phases)))
    assert victim.result(A_MINUTE).ended() is None
    before = clinic.mx.call_count()
    clinic.warehouse.damage(HALF_A_MINUTE_LATER)

    report = clinic.sync("incremental", phases=phases)

    assert report.outcome == "success", report.message
    assert clinic.rows("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT) == [(1000,)]
    assert (
        before + clinic.mx.call_count() <= 10 + PAGES_IN_FLIGHT + 1
    )  # the overlap moves the pages by half of one


def test_p16_a_process_that_was_stopped_in_a_transaction_writes_nothing_when_it_wakes(
    examination: Examination, wire: WatchedWire, warehouse: WarehouseUnderTest
) -> None:
    clinic = a_clinic_with_pages(examination)
    sleeping = Future[SyncingProcess]()
    is_asleep = threading.Event()

    def stop(_: Wire) -> None:
        os.kill(sleeping.result(A_MINUTE).pid, signal.SIGSTOP)
        is_asleep.set()

    wire.at("mx.merge_invoice_details", stop, nth=2, when="after")
    sleeping.set_result(SyncingProcess(job_of(clinic, wire)))
    with closing(sleeping.result(A_MINUTE)):
        assert is_asleep.wait(A_MINUTE)
        warehouse.damage(
            HALF_A_MINUTE_LATER
        )  # waits for the lock that the sleeper holds, as whoever takes over does
        heir = clinic.sync("incremental")
        assert heir.outcome == "success", heir.message
        before = held(warehouse)

        os.kill(sleeping.result(A_MINUTE).pid, signal.SIGCONT)
        told = sleeping.result(A_MINUTE).ended()

    assert told is not None
    assert told["outcome"] == "failed"
    assert "taken" in told["message"]
    assert held(warehouse) == before
    assert clinic.differences() == []
    examination.all_holds(clinic)


def held(warehouse: WarehouseUnderTest) -> list[Any]:
    return [
        warehouse.rows(f"SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM mx.{table} AS t")
        for table in (
            "payments",
            "invoice_documents",
            "invoice_purchases",
            "enriched_transactions",
            "sync_state",
        )
    ]
