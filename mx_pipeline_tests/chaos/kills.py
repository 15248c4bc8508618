"""One clinic's sync is killed again and again, at any moment; what had been committed is never asked for again."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field

from mx_pipeline.synthetic_mx import Rule
from mx_pipeline.synthetic_mx.behaviour import Answer, Asked
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.syncing_process import Job, SyncingProcess

IN_FLIGHT = 2 * 16
"""Asked for and not committed: as many calls as may be out, and as many answers that wait to be written."""
LATENCY_MS = 20
PAGE_CAP = 200
MOST_CALLS = 150
LONGEST_AFTER_SECONDS = 0.1
NEW_PAYMENTS_AT_MOST = 60
"""Between two kills, so that there is always something left to do."""
MODES = ("incremental", "incremental", "full")
HALF_A_MINUTE_LATER = """
    UPDATE mx.sync_leases SET expires_at = now() - interval '1 second' WHERE expires_at > now();
    UPDATE mx.credential_users SET expires_at = now() - interval '1 second'
"""
STORED = "SELECT mx_invoice_id FROM mx.invoice_documents WHERE detail_observed_at IS NOT NULL"
INVOICE = re.compile(r"/invoice/(\d+)")


@dataclass
class Kills:
    """What so many deaths have cost."""

    seed: int
    kills: int = 0
    ended_before: int = 0
    """Syncs that were over before their moment came."""
    details: Counter[int] = field(default_factory=Counter[int])
    """How often each invoice was asked for."""
    lost: list[int] = field(default_factory=list[int])
    """Invoices that a killed process had asked for and not committed, for each kill."""
    asked_again: set[int] = field(default_factory=set[int])
    """Invoices that were committed and asked for all the same."""
    last: str = ""
    """How the sync after all of them ended."""
    differences: list[str] = field(default_factory=list[str])

    @property
    def twice(self) -> int:
        return sum(times - 1 for times in self.details.values())

    @property
    def is_clean(self) -> bool:
        is_exact = self.last == "success" and not self.differences
        return is_exact and not self.asked_again and max(self.lost, default=0) <= IN_FLIGHT

    def __str__(self) -> str:
        return (
            f"{self.kills} kills ({self.ended_before} syncs were quicker), {self.details.total()} invoice details, "
            f"{self.twice} of them twice, at most {max(self.lost, default=0)} for a kill, "
            f"{len(self.asked_again)} though committed; then {self.last}, {len(self.differences)} differences "
            f"(seed {self.seed})"
        )


def kill_again_and_again(clinic: Clinic, *, kills: int, seed: int) -> Kills:
    """Then one more sync, and the oracle."""
    dice, told = random.Random(seed), Kills(seed)
    clinic.mx.behaves(
        clinic.merchant_id, payment_page_cap=PAGE_CAP, invoice_page_cap=PAGE_CAP, latency_ms=LATENCY_MS
    )
    while told.kills < kills:
        before = _stored(clinic)
        clinic.mx.reset_calls()
        was_killed = _sync_and_kill(clinic, dice)
        told.kills += was_killed
        told.ended_before += not was_killed
        clinic.warehouse.damage(HALF_A_MINUTE_LATER)
        asked = _count(told, clinic, before)
        if was_killed:
            told.lost.append(len(asked - _stored(clinic)))
        clinic.mx.receives(clinic.merchant_id, payments=dice.randint(0, NEW_PAYMENTS_AT_MOST))
    clinic.mx.behaves(clinic.merchant_id, latency_ms=0)

    before = _stored(clinic)
    report = clinic.sync("incremental")

    _count(told, clinic, before)
    told.last = report.outcome if report.outcome == "success" else f"{report.outcome}: {report.message}"
    told.differences = clinic.differences()
    return told


def _sync_and_kill(clinic: Clinic, dice: random.Random) -> bool:
    """Some milliseconds after a call that the dice choose, so that a slow machine does not die idle."""
    victim: list[SyncingProcess] = []
    after_seconds = dice.random() * LONGEST_AFTER_SECONDS

    async def kill(_: Asked, answer: Answer) -> Answer:
        asyncio.get_running_loop().call_later(after_seconds, victim[0].kill)
        return answer

    clinic.mx.answers(Rule(act=kill, skip=dice.randrange(MOST_CALLS), times=1))
    job = Job(clinic.warehouse.logins, clinic.mx.url, clinic.merchant_id, dice.choice(MODES))
    victim.append(SyncingProcess(job))
    told = victim[0].told()
    time.sleep(LONGEST_AFTER_SECONDS)
    victim[0].close()
    clinic.mx.answers_truthfully()
    return told is None


def _stored(clinic: Clinic) -> set[int]:
    return {mx_id for (mx_id,) in clinic.rows(STORED)}


def _count(told: Kills, clinic: Clinic, stored_before: set[int]) -> set[int]:
    """Which invoices were asked for since the calls were counted last."""
    time.sleep(2 * LATENCY_MS / 1000)  # a call is counted when it has been answered, though nobody listens
    lines = clinic.mx.calls()["requests"]
    assert len(lines) == clinic.mx.call_count()
    asked = [int(found[1]) for line in lines if (found := INVOICE.search(line["request"]))]
    told.details.update(asked)
    told.asked_again |= stored_before.intersection(asked)
    return set(asked)
