"""Several clinics, their vendor, one warehouse, and the wires between them; syncs run as processes of their own."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline_tests.fakes.bad_network import BadNetwork
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.invariants import watch_progress
from mx_pipeline_tests.fakes.restless_postgres import RestlessPostgres
from mx_pipeline_tests.fakes.syncing_process import Job, SyncingProcess
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.fakes.watched_wire import WatchedWire
from mx_pipeline_tests.local.server_image import ServerImage

PAYMENTS = 150
PAGE_CAP = 60
MODES = ("incremental", "incremental", "full")


class Victim(Protocol):
    """A process that may be killed or stopped at any moment."""

    def signal(self, number: signal.Signals) -> None:
        """Nothing happens where it has ended."""


@dataclass
class Patient:
    """One clinic and how its syncs have fared."""

    clinic: Clinic
    running: SyncingProcess | None = None
    runs: int = 0
    ill_since: float | None = None
    slowest_recovery: float = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def has_ended(self, outcome: str | None) -> None:
        """Ill from the first sync that did not end well until one does."""
        self.runs += 1
        now = time.monotonic()
        if outcome != "success":
            self.ill_since = self.ill_since or now
        elif self.ill_since is not None:
            self.slowest_recovery = max(self.slowest_recovery, now - self.ill_since)
            self.ill_since = None

    def signal(self, number: signal.Signals) -> None:
        """To the process that syncs it, if one does."""
        with self.lock:
            if self.running is not None and self.running.process.is_alive():
                os.kill(self.running.pid, number)


@dataclass
class Scene:
    """What troubles can get at."""

    mx: SyntheticMx
    postgres: RestlessPostgres
    warehouse: WarehouseUnderTest
    wire: WatchedWire
    network: BadNetwork
    patients: list[Patient]

    @classmethod
    @contextmanager
    def set_up(
        cls, *, merchants: int, seed: int, payments: int = PAYMENTS, image: ServerImage | None = None
    ) -> Generator[Scene]:
        with ExitStack() as open_things:
            postgres = open_things.enter_context(RestlessPostgres.in_directory(image))
            mx = open_things.enter_context(SyntheticMx.in_thread())
            warehouse = WarehouseUnderTest(postgres.new_warehouse("chaos"))
            open_things.callback(warehouse.close)
            watch_progress(warehouse)
            url = warehouse.logins.admin
            wire = open_things.enter_context(WatchedWire(url.host or "", url.port or 0))
            network = open_things.enter_context(BadNetwork(mx.url))
            mx.behaves(None, payment_page_cap=PAGE_CAP, invoice_page_cap=PAGE_CAP, latency_ms=10)
            patients: list[Patient] = []
            for number in range(merchants):
                merchant_id = MERCHANT + number
                key = mx.add_merchant(merchant_id, payments=payments, seed=seed + number)
                warehouse.has_merchant(merchant_id, key=key.consumer_key, secret=key.consumer_secret)
                patients.append(Patient(Clinic(mx, warehouse, merchant_id, key=key)))
            yield cls(mx, postgres, warehouse, wire, network, patients)

    def victim(self, dice: random.Random) -> Victim:
        """Whose process is in trouble next."""
        return dice.choice(self.patients)

    def sync(self, patient: Patient, mode: str, *, in_trouble: bool = True) -> str:
        """In a process of its own; what it tells in the end, or that it was killed."""
        logins = self.warehouse.logins
        if in_trouble:
            logins = replace(logins, admin=logins.admin.set(port=self.wire.port))
        url = self.network.url if in_trouble else self.mx.url
        process = SyncingProcess(Job(logins, url, patient.clinic.merchant_id, mode))
        with patient.lock:
            patient.running = process
        told = process.told(180)
        with patient.lock:
            patient.running = None
        process.close()
        outcome = told["outcome"] if told else None
        patient.has_ended(outcome)
        return "" if outcome == "success" else told["message"] if told else "killed"

    def keep_syncing(self, patient: Patient, until: threading.Event, dice: random.Random) -> None:
        """One sync after the other."""
        while not until.is_set():
            self.sync(patient, dice.choice(MODES))
            until.wait(dice.random() / 2)

    def calms_down(self) -> None:
        """No fault is left but what the faults have done."""
        self.mx.answers_truthfully()
        self.mx.behaves(None, latency_ms=0)
        self.network.spoils(_whole, times=0)
        self.wire.forgets()


def _whole(wire: object, answer: bytes) -> None:
    raise AssertionError("asked for no times")
