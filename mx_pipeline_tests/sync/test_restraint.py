"""Many processes and one credential: one budget, one pause, one breaker; and what a run says when it is held back."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Timer
from typing import Any

import msgspec
import pytest

from mx_pipeline.access import OPERATOR
from mx_pipeline.errors import MxOutage
from mx_pipeline.mx_api.calls import Call, CallLimits
from mx_pipeline.mx_api.merchant_gate import MerchantGate
from mx_pipeline.mx_api.shared_budget import SharedBudget
from mx_pipeline.sync.joined_credential import JoinedCredential
from mx_pipeline.sync.shared_budgets import SharedBudgets
from mx_pipeline.synthetic_mx import FixedAnswer, SyntheticMx
from mx_pipeline.warehouse.merchant_limits import MerchantLimits, set_limits
from mx_pipeline_tests.fakes.clinic import QUICK
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.sync.conftest import Clinic
from mx_pipeline_tests.sync.one_process import use

A_REFRESH, A_MINUTE = 1.6, 60
KEY = "a credential's name"


def allow(clinic: Clinic, **limits: Any) -> None:
    with clinic.warehouse.app.merchant(clinic.merchant_id, person=OPERATOR) as tenant:
        set_limits(tenant, MerchantLimits(**limits))


def saw(
    gate: MerchantGate,
    outcome: str = "ok",
    *,
    retry_after: float | None = None,
    calls: int = 1,
    sent_at: float | None = None,
) -> None:
    """So many answers came."""
    for record_id in range(calls):
        with gate.slot():
            gate.saw(
                Call(
                    endpoint="invoice_detail", outcome=outcome, status=200, seconds=0.1, bytes=1,
                    sent_at=sent_at or time.monotonic(), retry_after_seconds=retry_after, record_id=record_id,
                )
            )  # fmt: skip


def a_gate(warehouse: WarehouseUnderTest, *, environment: str = "sandbox", limits: CallLimits = QUICK) -> Any:
    """As a process of its own would open it."""
    budgets = SharedBudgets(warehouse.loader, limits)
    return budgets.gate(MERCHANT, KEY, environment=environment, keep_usage=lambda: None)


def eventually(holds: Callable[[], bool], *, seconds: float = 30) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
    return holds()


def test_two_processes_share_one_budget(mx: SyntheticMx, a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic()
    allow(clinic, calls_in_flight=8)
    (payment,) = mx.has_payments(MERCHANT, {})
    mx.behaves(MERCHANT, latency_ms=25)
    mx.reset_calls()
    told = {
        "mx": mx.url, "merchant": MERCHANT, "key": clinic.key.consumer_key, "secret": clinic.key.consumer_secret,
        "payment": payment, "credential": KEY, "seconds": 2.5, "sealing_key": clinic.warehouse.logins.key.to_base64(),
        "database": clinic.warehouse.logins.admin.render_as_string(hide_password=False),
    }  # fmt: skip
    other = subprocess.Popen(
        [sys.executable, "-m", "mx_pipeline_tests.sync.one_process", json.dumps(told)], stdout=subprocess.PIPE
    )

    ours = use(clinic.warehouse.loader, told, goes_on=lambda: other.poll() is None)
    theirs = json.loads(other.communicate(timeout=30)[0])

    assert {*ours["outcomes"], *theirs["outcomes"]} == {"ok"}
    settled, over = max(ours["starts"][0], theirs["starts"][0]), min(ours["starts"][-1], theirs["starts"][-1])
    for used in (ours, theirs):  # half of it each, and however slow one of them is, the other takes no more
        began = [start for start in used["starts"] if settled < start < over]
        in_flight = [sum(start <= at < end for start, end in used["spans"]) for at in began]
        assert max(in_flight) == 4
    assert mx.calls()["most_in_flight"] == 8


def test_a_process_that_died_shares_no_more_after_half_a_minute(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with a_gate(warehouse) as gate, a_gate(warehouse):
        assert eventually(lambda: gate.budget.share == 4)
        warehouse.damage("UPDATE mx.credential_users SET expires_at = now() - interval '1 second'")
        # The living give a sign of life within a second; so this asks, too, that they do.
        assert eventually(lambda: warehouse.value("SELECT min(expires_at) > now() FROM mx.credential_users"))
        warehouse.damage(
            "INSERT INTO mx.credential_users SELECT credential, 'a dead one', now() + interval '1 hour'"
            "  FROM mx.credential_budgets"
        )
        assert eventually(lambda: gate.budget.share <= 3)
        warehouse.damage("UPDATE mx.credential_users SET expires_at = now() WHERE holder = 'a dead one'")

        assert eventually(lambda: gate.budget.share == 4)


def test_h1_a_pause_holds_in_every_process(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with a_gate(warehouse) as gate, a_gate(warehouse) as other:
        saw(gate, "mx_rate_limited", retry_after=60)

        assert eventually(lambda: other.budget.resumes_in() > 25)
        assert eventually(lambda: other.budget.level == 4)


def test_h3_two_processes_in_the_same_trouble_halve_once(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with a_gate(warehouse) as gate, a_gate(warehouse) as other:
        sent_at = time.monotonic()
        saw(gate, "mx_timed_out", sent_at=sent_at)
        saw(other, "mx_timed_out", sent_at=sent_at)
        time.sleep(A_REFRESH)

        assert eventually(lambda: (gate.budget.level, other.budget.level) == (4, 4))


def test_h6_a_probe_that_nobody_sent_is_free_for_the_next_process(warehouse: WarehouseUnderTest) -> None:
    """Who asked for it had lost its patience when the leave came, and was the last to use the key."""
    warehouse.has_merchant()
    limits = msgspec.structs.replace(QUICK, cool_down_seconds=0.01, outage_patience_seconds=0.1)
    cools_down = msgspec.structs.replace(QUICK, cool_down_seconds=A_MINUTE, cool_down_cap_seconds=A_MINUTE)
    gave_up, next_one = (
        JoinedCredential(KEY, SharedBudget(limits, start=8, ceiling=8, on_news=lambda: None), 8)
        for limits in (limits, cools_down)
    )
    with warehouse.loader.everyone() as session:
        gave_up.join(session)
    gate = MerchantGate(gave_up.budget, ceiling=8)
    saw(gate, "mx_unavailable", calls=5)
    gave_up.exchange(warehouse.loader)
    with pytest.raises(MxOutage):
        saw(gate)
    gave_up.exchange(warehouse.loader)
    assert warehouse.value("SELECT opened_at > clock_timestamp() FROM mx.credential_budgets"), (
        "leave was given"
    )

    gave_up.leave(warehouse.loader)

    with warehouse.loader.everyone() as session:
        next_one.join(session)
    assert (
        0 < next_one.budget.resumes_in() <= A_MINUTE
    )  # not that, and the half minute of whoever might probe


def test_h6_a_breaker_opens_in_every_process_and_one_of_them_probes(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    limits = msgspec.structs.replace(QUICK, cool_down_seconds=0.5)
    with a_gate(warehouse, limits=limits) as gate, a_gate(warehouse, limits=limits) as other:
        saw(gate, "mx_unavailable", calls=5)
        assert eventually(other.outlasts)
        probing: list[MerchantGate] = []
        release = threading.Event()

        def probe(through: MerchantGate) -> None:
            with through.slot():
                probing.append(through)
                release.wait(60)
                through.saw(
                    Call(
                        endpoint="invoice_list",
                        outcome="ok",
                        status=200,
                        sent_at=time.monotonic(),
                        seconds=0,
                        bytes=1,
                    )
                )

        threads = [threading.Thread(target=probe, args=(through,)) for through in (gate, other)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: len(probing) == 1)
        time.sleep(A_REFRESH)  # more than a cool-down, and everyone has looked again
        alone = len(probing)
        release.set()
        for thread in threads:
            thread.join()

        assert (alone, len(probing)) == (1, 2)
        assert eventually(lambda: not gate.outlasts() and not other.outlasts())


def test_the_last_good_level_is_remembered(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with a_gate(warehouse) as gate:
        saw(gate, calls=8 + 9)

    with a_gate(warehouse) as gate:
        assert gate.budget.level == pytest.approx(10)


@pytest.mark.parametrize(("environment", "start"), [("production", 4), ("sandbox", 8)])
def test_the_very_first_sync_of_a_production_credential_is_shy(
    warehouse: WarehouseUnderTest, environment: str, start: int
) -> None:
    warehouse.has_merchant()

    with a_gate(warehouse, environment=environment) as gate:
        assert gate.budget.level == start


def test_without_the_database_a_process_goes_on_with_what_it_knows(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    with a_gate(warehouse) as gate:
        warehouse.damage("ALTER TABLE mx.credential_budgets RENAME TO away")
        saw(gate, "mx_timed_out")
        time.sleep(A_REFRESH)
        saw(gate)
        warehouse.damage("ALTER TABLE mx.away RENAME TO credential_budgets")

        assert eventually(lambda: warehouse.value("SELECT level < 5 FROM mx.credential_budgets"))


def test_nobody_learns_the_key_from_the_name_of_the_credential(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=5)

    clinic.sync()

    names = clinic.rows("SELECT credential FROM mx.credential_budgets")
    assert [len(name) for (name,) in names] == [64]
    assert clinic.key.consumer_key not in str(names)
    assert clinic.rows("SELECT count(*) FROM mx.credential_users") == [(0,)]


def test_h1_a_sync_waits_and_succeeds(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=20)
    clinic.mx.answers(FixedAnswer(endpoint="payments", status=429, headers={"Retry-After": "1"}, times=1))

    report = clinic.sync()

    assert report.outcome == "success", report.message
    assert report.seconds >= 1
    assert clinic.differences() == []


def test_h2_a_long_pause_parks_the_run_and_the_next_one_asks_nothing(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=300)
    clinic.mx.answers(FixedAnswer(endpoint="invoice", status=429, headers={"Retry-After": "7200"}, skip=20))

    first = clinic.sync()
    second = clinic.sync()

    assert [first.outcome, second.outcome] == ["rate_limited", "rate_limited"]
    resumes_at = datetime.fromisoformat(str(first.stats["resumesAt"]))
    assert 7_000 < (resumes_at - datetime.now(UTC)).total_seconds() < 7_300
    assert f"Resumes at {resumes_at:%Y-%m-%d %H:%M:%S} UTC." in first.message
    assert clinic.mx.call_count(MERCHANT) == 0
    assert clinic.rows("SELECT count(*) FROM mx.invoice_documents WHERE detail_hash IS NOT NULL") >= [(20,)]
    assert clinic.rows("SELECT stats ? 'resumesAt', message LIKE '%Resumes at%' FROM mx.sync_runs") == [
        (True, True), (True, True)
    ]  # fmt: skip


def test_h4_429_for_ever_parks_one_merchant_and_no_other(a_clinic: Callable[..., Clinic]) -> None:
    clinic, neighbour = a_clinic(payments=50), a_clinic(MERCHANT + 1_000_000, payments=50)
    clinic.mx.answers(FixedAnswer(endpoint="invoices", merchant_id=MERCHANT, status=429))

    parked, whole = clinic.sync(), neighbour.sync()
    clinic.mx.answers_truthfully()
    resumed = clinic.sync()

    assert [parked.outcome, whole.outcome, resumed.outcome] == ["rate_limited", "success", "success"]
    assert "resumesAt" in parked.stats
    assert parked.stats["transactionsStored"] == 50
    assert clinic.differences() == neighbour.differences() == []


def test_h6_a_burst_of_5xx_is_outlasted_within_one_run(a_clinic: Callable[..., Clinic]) -> None:
    # No record has spent its five tries before others have failed, too, and it is known that MX answers nobody.
    limits = msgspec.structs.replace(
        QUICK, cool_down_cap_seconds=0.5, backoff_base_seconds=0.5, backoff_cap_seconds=1
    )
    clinic = a_clinic(payments=300, limits=limits)
    clinic.mx.answers(FixedAnswer(status=503, skip=5, body="{}"))
    burst = Timer(2, clinic.mx.answers_truthfully)
    began = time.monotonic()
    burst.start()

    report = clinic.sync()
    burst.join()
    outage = time.monotonic() - began

    assert report.outcome == "success", report.message
    assert clinic.differences() == []
    failed = clinic.rows("SELECT sum(calls) FROM mx.api_usage WHERE outcome <> 'ok'")[0][0]
    assert failed <= 16 + 8 + outage / limits.cool_down_cap_seconds  # what was in flight, and the probes


def test_a_quota_parks_the_run_until_the_merchants_midnight(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=300, timezone="Asia/Tokyo")
    allow(clinic, calls_per_day=40)

    first, second = clinic.sync(), clinic.sync()

    assert [first.outcome, second.outcome] == ["rate_limited", "rate_limited"]
    assert first.stats["apiCalls"] == 40
    assert first.stats["quotaWarning"] == "40 of the 40 calls that this merchant may cost today are used"
    assert clinic.mx.call_count(MERCHANT) == 0
    midnight = datetime.fromisoformat(str(first.stats["resumesAt"]))
    assert abs((midnight - midnight.replace(hour=15, minute=0, second=0, microsecond=0)).total_seconds()) < 60
    assert clinic.rows("SELECT DISTINCT day = (now() AT TIME ZONE 'Asia/Tokyo')::date FROM mx.api_usage") == [
        (True,)
    ]


def test_a_quota_that_is_nearly_used_up_is_said_before(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=20)
    clinic.sync()
    used = clinic.rows("SELECT sum(calls)::int FROM mx.api_usage")[0][0]
    allow(clinic, calls_per_day=used + 3)

    report = clinic.sync("incremental")

    assert report.outcome == "success"
    assert "of the" in str(report.stats["quotaWarning"])


def test_calls_are_counted_while_they_are_made(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=200)
    allow(clinic, calls_in_flight=4)
    clinic.mx.behaves(MERCHANT, latency_ms=100)
    running = threading.Thread(target=clinic.sync)
    running.start()
    counted = "SELECT coalesce(sum(calls), 0)::int FROM mx.api_usage"

    in_the_middle = eventually(lambda: clinic.rows(counted)[0][0] > 10) and running.is_alive()
    running.join()

    assert in_the_middle
    assert clinic.rows(counted) == [(clinic.mx.call_count(MERCHANT),)]


def test_a_merchants_pace_holds_for_lists_and_details(a_clinic: Callable[..., Clinic]) -> None:
    clinic = a_clinic(payments=20)
    allow(clinic, calls_per_second=25)

    report = clinic.sync()

    assert report.outcome == "success"
    calls = clinic.mx.call_count(MERCHANT)
    assert calls > 10
    assert report.seconds >= (calls - 1) / 25
