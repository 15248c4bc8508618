"""The examination of a sync under faults: after each scene the invariants of the house are looked at (I1 to I10)."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from mx_pipeline.sync.orders import SyncReport
from mx_pipeline.synthetic_mx import CANARIES, NAME_CANARY
from mx_pipeline_tests.fakes import invariants, oracle
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.invariants import all_tables, written
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

NEIGHBOUR = 1_000_000_777
"""A clinic that was synced before, and that no scene has anything to do with."""
CALLS_AT_MOST = 600
SECONDS_AT_MOST = 60
"""A second on a machine that does nothing else; what hangs, hangs for longer."""
DATA = ("payments", "payment_people", "payment_history", "invoice_documents", "invoice_people", "invoice_purchases",
        "invoice_payments", "invoice_map", "payment_invoices", "enriched_transactions")  # fmt: skip
WORKFLOW = ("transaction_workflow", "invoice_workflow")
FIRST_NUMBER = re.compile(r"^(\d+)")


class Examination:
    """One scene: a clinic, its neighbour, and whoever looks at both afterwards."""

    def __init__(
        self, a_clinic: Callable[..., Clinic], warehouse: WarehouseUnderTest, log: pytest.LogCaptureFixture
    ) -> None:
        self._a_clinic, self.warehouse, self._log = a_clinic, warehouse, log
        self._of_others: list[Any] = []
        self._of_people: list[Any] = []
        self.somebody_died = False
        """A process was killed, and what was asked of it may still wait."""
        self.peak_bytes = 0
        """What the last sync has taken above what was taken before it."""

    def clinic(self, *, payments: int = 0, is_synced: bool = False, **how: Any) -> Clinic:
        """`is_synced`: it was synced before, and people have written workflow columns of their own."""
        clinic = self._a_clinic(payments=payments, **how)
        if is_synced:
            assert clinic.sync("full").outcome == "success"
            people_write(self.warehouse, clinic.merchant_id)
        self._log.clear()
        self._of_others = written(self.warehouse, all_tables(self.warehouse), "<>", clinic.merchant_id)
        self._of_people = written(self.warehouse, WORKFLOW, "=", clinic.merchant_id)
        return clinic

    def sync(
        self, clinic: Clinic, mode: str = "full", *, calls_at_most: int = CALLS_AT_MOST,
        seconds_at_most: float = SECONDS_AT_MOST, **asked: Any,
    ) -> SyncReport:  # fmt: skip
        """Sync, then look at all invariants but I1 and I4."""
        began = time.monotonic()

        with invariants.memory() as peak:
            report = clinic.sync(mode, **asked)

        assert time.monotonic() - began <= seconds_at_most, "I6: in its deadline"
        self.peak_bytes = peak.bytes
        assert peak.bytes <= invariants.MEMORY_AT_MOST, "I10: memory"
        assert clinic.mx.call_count() <= calls_at_most, f"I5: {clinic.mx.call_count()} calls"
        assert self._leaks(clinic, report) == [], "I7: no secret, no name"
        self.all_holds(clinic)
        return report

    def all_holds(self, clinic: Clinic) -> None:
        """I2, I3, I6, I8 and I9: what can be looked at whoever has synced."""
        others = written(self.warehouse, all_tables(self.warehouse), "<>", clinic.merchant_id)
        assert invariants.left_open(self.warehouse, died=self.somebody_died) == [], "I6: nothing is left open"
        assert others == self._of_others, "I2: no other tenant"
        assert written(self.warehouse, WORKFLOW, "=", clinic.merchant_id) == self._of_people, (
            "I3: what people wrote"
        )
        assert invariants.broken_chains(self.warehouse) == [], "I8: the audit log"
        assert invariants.false_progress(self.warehouse) == [], "I9: progress"

    def is_whole(self, clinic: Clinic, report: SyncReport, mode: str = "full") -> None:
        """I1: success, and exactly the truth. I4: once more changes nothing."""
        assert report.outcome == "success", report.message
        assert clinic.differences() == []
        self.changes_nothing(clinic, mode)

    def is_whole_but(
        self, clinic: Clinic, report: SyncReport, *ids: int, words: str = "", outcome: str = "partial"
    ) -> None:
        """I1 the other way: not success, these records alone are not as they are, and each is named."""
        assert report.outcome == outcome, report.message
        assert words in report.message
        told = self.named(clinic, report)
        assert set(ids) <= told, f"not named: {set(ids) - told}"
        unexplained = [line for line in clinic.differences() if not _speaks_of(line, {*ids}, clinic)]
        assert unexplained == []

    def heals(self, clinic: Clinic) -> None:
        """When the vendor is itself again, the next full sync makes everything right."""
        clinic.mx.answers_truthfully()
        self.is_whole(clinic, self.sync(clinic, "full"))

    def changes_nothing(self, clinic: Clinic, mode: str = "full") -> None:
        """I4."""
        before = written(self.warehouse, DATA, "=", clinic.merchant_id)
        again = self.sync(clinic, mode)
        assert (again.stats["inserted"], again.stats["updated"]) == (0, 0), "I4: counted"
        assert written(self.warehouse, DATA, "=", clinic.merchant_id) == before, "I4: written"

    def named(self, clinic: Clinic, report: SyncReport) -> set[int]:
        """Every record that the run, its certificates or the quarantine name."""
        held = self.warehouse.rows(
            "SELECT mx_id FROM mx.quarantine WHERE merchant_id = :m AND released_at IS NULL",
            m=clinic.merchant_id,
        )
        told = {mx_id for (mx_id,) in held if mx_id}
        for made in report.certificates:
            told |= {*made.missing_ids, *made.surplus_ids}
        return told

    def quarantine(self, clinic: Clinic) -> dict[int | None, str]:
        """What is held, and why."""
        rows = self.warehouse.rows(
            "SELECT mx_id, reason FROM mx.quarantine WHERE merchant_id = :m AND released_at IS NULL",
            m=clinic.merchant_id,
        )
        return {row.mx_id: row.reason for row in rows}

    def outcomes(self, clinic: Clinic, report: SyncReport) -> dict[str, int]:
        """The calls of this run by how they ended."""
        rows = self.warehouse.rows(
            "SELECT outcome, sum(calls) AS n FROM mx.api_usage WHERE merchant_id = :m AND run_id = :r GROUP BY 1",
            m=clinic.merchant_id,
            r=report.run_id,
        )
        return {row.outcome: int(row.n) for row in rows}

    def _leaks(self, clinic: Clinic, report: SyncReport) -> list[str]:
        key = clinic.key
        pair = base64.b64encode(f"{key.consumer_key}:{key.consumer_secret}".encode()).decode()
        words = (*CANARIES, NAME_CANARY, key.consumer_key, key.consumer_secret, pair)
        logged = "\n".join(
            f"{record.getMessage()} {record.__dict__} {record.exc_text}" for record in self._log.records
        )
        places = {
            "log": logged,
            "report": str(report.as_json()),
            "tables": self.warehouse.everything(but="_people"),
        }
        return [f"{word} in {place}" for place, text in places.items() for word in words if word in text]


def people_write(warehouse: WarehouseUnderTest, merchant_id: int) -> None:
    """Someone at the clinic works with its first payments and invoices."""
    warehouse.damage(
        "INSERT INTO mx.transaction_workflow (merchant_id, mx_payment_id, membership_status, referral_source)"
        " SELECT merchant_id, mx_payment_id, 'paused', 'a friend' FROM mx.payments"
        "  WHERE merchant_id = :m ORDER BY created DESC LIMIT 10",
        m=merchant_id,
    )
    warehouse.damage(
        "INSERT INTO mx.invoice_workflow (merchant_id, mx_invoice_id, data_sent_status, data_sent_notes)"
        " SELECT merchant_id, mx_invoice_id, 'yes', 'called' FROM mx.invoice_documents"
        "  WHERE merchant_id = :m ORDER BY invoice_number DESC LIMIT 10",
        m=merchant_id,
    )


def _speaks_of(difference: str, ids: set[int], clinic: Clinic) -> bool:
    """A line about one of these records, or about a payment that belongs to one of these invoices."""
    match = FIRST_NUMBER.match(difference)
    assert match is not None, difference
    about = int(match[1])
    if about in ids:
        return True
    true = oracle.true_payments(clinic.mx, clinic.merchant_id).get(about, {"invoices": []})
    return bool(ids.intersection(true["invoices"]))
