"""A whole installation under trouble for half an hour: nothing lost, nothing doubled, and no process that grows."""

from __future__ import annotations

import logging
import os
import random
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from mx_pipeline.access import OPERATOR
from mx_pipeline.errors import MxPipelineError
from mx_pipeline.local.dagster_parts import dagster_environment
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline_tests.chaos.long_lived import Memory, Worker
from mx_pipeline_tests.chaos.scene import MODES, Patient, Scene, Victim
from mx_pipeline_tests.chaos.tally import Tally
from mx_pipeline_tests.chaos.troubles import next_trouble
from mx_pipeline_tests.fakes.installation import Installation, installed
from mx_pipeline_tests.local.throwaway_postgres import throwaway_directory

LONGEST_PAUSE_SECONDS = 4.0
"""A fault every two seconds, by the mean."""
LONGEST_REST_SECONDS = 20.0
"""Between two syncs that are asked for of one clinic."""
LOOK_SECONDS, TOLD_SECONDS = 0.5, 60.0
ONE_IN = 25
"""Of the troubles: the whole worker's."""
CALM_SECONDS = 300
LAST_AT_ONCE = 4
ENDED = "SELECT request_id, outcome FROM mx.sync_requests WHERE status = 'done' AND request_id = ANY (:asked)"
OPEN = "SELECT count(*) FROM mx.sync_requests WHERE status <> 'done'"
RUNS = "SELECT count(*) FROM mx.sync_runs"
DIFFERENCE = re.compile(r"(\d+): (\d+): ")
HERE = """
    SELECT to_jsonb(payment)::text, to_jsonb(derived)::text,
           (SELECT jsonb_agg(to_jsonb(map)) FROM mx.invoice_map AS map
             WHERE map.merchant_id = payment.merchant_id AND map.mx_invoice_id = derived.mx_invoice_id)::text
      FROM mx.payments AS payment
      LEFT JOIN mx.enriched_transactions AS derived USING (merchant_id, mx_payment_id)
     WHERE payment.merchant_id = :merchant_id AND payment.mx_payment_id = :payment
"""


@dataclass
class SoakScene(Scene):
    """The syncs are a worker's; its children are killed, and sometimes all of it."""

    worker: Worker | None = None

    def victim(self, dice: random.Random) -> Victim:
        assert self.worker is not None
        return self.worker.one_child(dice) or self.worker


@dataclass
class Asking:
    """Asks for a sync of each clinic again and again, and notes how each ended."""

    scene: Scene
    dice: random.Random
    asked: dict[int, Patient] = field(default_factory=dict[int, Patient])
    _next: list[tuple[float, Patient]] = field(default_factory=list[tuple[float, Patient]])

    def until(self, enough: threading.Event) -> None:
        self._next = [(0.0, patient) for patient in self.scene.patients]
        while not enough.wait(LOOK_SECONDS):
            # The server may be away at any moment; what was asked is in its table.
            with suppress(MxPipelineError, SQLAlchemyError):
                self.look()
                self._ask_who_has_rested()

    def look(self) -> None:
        """Who has an answer?"""
        for request_id, outcome in self.scene.warehouse.rows(ENDED, asked=list(self.asked)):
            patient = self.asked.pop(request_id)
            patient.has_ended(outcome)
            self._next.append((time.monotonic() + self.dice.random() * LONGEST_REST_SECONDS, patient))

    def _ask_who_has_rested(self) -> None:
        for due in [due for due in self._next if due[0] <= time.monotonic()]:
            _, patient = due
            merchant_id = patient.clinic.merchant_id
            with self.scene.warehouse.app.merchant(merchant_id, person=OPERATOR) as tenant:
                wish = SyncRequest("operator:soak", "api", mode=self.dice.choice(MODES))
                request_id = ask(tenant, wish)
            self.asked[request_id] = patient
            self._next.remove(due)


def run_soak(*, seconds: float, seed: int, merchants: int) -> tuple[Tally, dict[str, Any]]:
    """Trouble for so long, then calm until every request is answered, then one more sync each, then the oracle."""
    logging.getLogger("sqlalchemy").setLevel(logging.CRITICAL)
    dice, happened, tally = random.Random(seed), Counter[str](), Tally(seed)
    began = time.monotonic()
    with SoakScene.set_up(merchants=merchants, seed=seed) as scene, throwaway_directory() as home:
        assert isinstance(scene, SoakScene)
        environment = _environment(scene, home)
        with installed(environment, home, worker_children=2) as installation:
            scene.worker, memory = Worker(environment, home / "worker.log"), Memory()
            try:
                asking = Asking(scene, random.Random(dice.random()))
                with _asked(asking):
                    _trouble(scene, installation, memory, dice, happened, time.monotonic() + seconds)
                    scene.calms_down()
                    scene.worker.keep_up()
                    _wait_for_answers(scene, asking, tally)
                tally.troubled += [
                    f"{one.name} ended by itself: {one.last_words()}"
                    for one in installation.children.started
                    if one.process.poll() is not None
                ]
            finally:
                scene.worker.end()
        _last_syncs(scene, tally)
        tally.faults = dict(happened)
        tally.examine(scene)
        tally.runs = scene.warehouse.value(RUNS)
        evidence = _evidence(scene, tally)
    grown = memory.thirds()
    tally.troubled += [f"{name} grew: {sizes}" for name, sizes in grown.items() if not sizes["is_flat"]]
    more = {
        "merchants": merchants,
        "seconds_of_trouble": seconds,
        "seconds": round(time.monotonic() - began),
        "worker_starts": scene.worker.starts,
        "memory": grown,
        "evidence": evidence,
    }
    return tally, more


def _trouble(
    scene: SoakScene,
    installation: Installation,
    memory: Memory,
    dice: random.Random,
    happened: Counter[str],
    deadline: float,
) -> None:
    assert scene.worker is not None
    tell_at = time.monotonic()
    while time.monotonic() < deadline:
        scene.worker.keep_up()
        memory.look(installation)
        scene.wire.statements.clear()
        time.sleep(dice.random() * LONGEST_PAUSE_SECONDS)
        if dice.randrange(ONE_IN) == 0:
            number = dice.choice([signal.SIGKILL, signal.SIGTERM])
            scene.worker.signal(number)
            happened["worker_is_killed" if number == signal.SIGKILL else "worker_is_told_to_end"] += 1
        else:
            trouble = next_trouble(dice)
            trouble(scene, dice)
            happened[trouble.__name__] += 1
        if time.monotonic() >= tell_at:
            tell_at += TOLD_SECONDS
            left = deadline - time.monotonic()
            runs = sum(patient.runs for patient in scene.patients)
            sys.stderr.write(f"{left:5.0f} s left: {happened.total()} faults, {runs} answers\n")
            scene.mx.reset_calls()


@contextmanager
def _asked(asking: Asking) -> Generator[None]:
    enough = threading.Event()
    thread = threading.Thread(target=asking.until, args=(enough,), name="asking", daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def _wait_for_answers(scene: SoakScene, asking: Asking, tally: Tally) -> None:
    """Every request is answered, whatever became of who had claimed it."""
    asking.dice = random.Random(0)
    deadline = time.monotonic() + CALM_SECONDS
    while time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        if not asking.asked or not scene.warehouse.value(OPEN):
            return
    tally.troubled.append(f"{scene.warehouse.value(OPEN)} requests were never answered")


def _last_syncs(scene: Scene, tally: Tally) -> None:
    def last_sync(patient: Patient) -> str:
        return scene.sync(patient, "full", in_trouble=False)

    with ThreadPoolExecutor(LAST_AT_ONCE) as pool:
        for patient, words in zip(scene.patients, pool.map(last_sync, scene.patients), strict=True):
            if words:
                tally.troubled.append(f"{patient.clinic.merchant_id}: the last sync: {words}")


def _evidence(scene: Scene, tally: Tally) -> list[dict[str, Any]]:
    """What stands here, and what is true, of each payment that differs: the warehouse is gone afterwards."""
    named = {tuple(map(int, found.groups())) for line in tally.troubled if (found := DIFFERENCE.match(line))}
    return [
        {
            "merchant_id": merchant_id,
            "here": [
                list(row) for row in scene.warehouse.rows(HERE, merchant_id=merchant_id, payment=payment)
            ],
            "true": [one for one in scene.mx.truth(merchant_id) if one["id"] == payment],
        }
        for merchant_id, payment in sorted(named)
    ]


def _environment(scene: Scene, home: Path) -> dict[str, str]:
    """Every process of ours reaches both databases, and the vendor, over wires that break."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MX_", "DAGSTER_"))}

    def over_the_wire(url: URL) -> str:
        return url.set(drivername="postgresql", port=scene.wire.port).render_as_string(hide_password=False)

    return dagster_environment(
        {
            **kept,
            "MX_DATABASE_URL": over_the_wire(scene.warehouse.logins.admin),
            "DAGSTER_PG_URL": over_the_wire(make_url(scene.postgres.server.create_database("soak_dagster"))),
            "MX_SEALING_KEY": scene.warehouse.logins.key.to_base64(),
            "MX_SANDBOX_URL": scene.network.url,
            "MX_HOME": str(home),
        }
    )
