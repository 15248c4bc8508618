"""What chaos has cost, counted over the whole warehouse when all is calm again."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from mx_pipeline_tests.chaos.scene import Scene
from mx_pipeline_tests.fakes import invariants, oracle

DOUBLE_LEDGER_ROWS = """
SELECT count(*) FROM mx.payment_history
 WHERE (status_before, amount_before, refunded_amount_before, settled_amount_before)
       IS NOT DISTINCT FROM (status, amount, refunded_amount, settled_amount)
"""


@dataclass
class Tally:
    """The line that is printed."""

    seed: int
    faults: dict[str, int] = field(default_factory=dict[str, int])
    runs: int = 0
    lost: int = 0
    doubled: int = 0
    cross_tenant: int = 0
    slowest_recovery: float = 0
    troubled: list[str] = field(default_factory=list[str])
    """Last syncs that did not end well, and the differences, in words."""

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.cross_tenant or self.troubled)

    def __str__(self) -> str:
        return (
            f"{sum(self.faults.values())} faults in {self.runs} runs, lost {self.lost}, doubled {self.doubled}, "
            f"cross-tenant {self.cross_tenant}, slowest recovery {self.slowest_recovery:.1f} s (seed {self.seed})"
        )

    def as_json(self) -> dict[str, object]:
        """The same, for a script."""
        return {**asdict(self), "faults_in_all": sum(self.faults.values()), "is_clean": self.is_clean}

    def examine(self, scene: Scene) -> None:
        """Every clinic's rows against its own truth."""
        truth = {
            patient.clinic.merchant_id: {true["id"] for true in scene.mx.truth(patient.clinic.merchant_id)}
            for patient in scene.patients
        }
        for patient in scene.patients:
            merchant_id = patient.clinic.merchant_id
            others = set[int]().union(*(ids for other, ids in truth.items() if other != merchant_id))
            held = {
                *oracle.payments_in(scene.warehouse, merchant_id),
                *oracle.invoices_in(scene.warehouse, merchant_id),
            }
            surplus = held - truth[merchant_id]
            differences = patient.clinic.differences()
            self.cross_tenant += len(surplus & others)
            self.doubled += len(surplus - others)
            self.lost += sum("should not be here" not in line for line in differences)
            self.troubled += [f"{merchant_id}: {line}" for line in differences]
            self.runs += patient.runs
            self.slowest_recovery = max(self.slowest_recovery, patient.slowest_recovery)
        self.doubled += scene.warehouse.value(DOUBLE_LEDGER_ROWS)
        self.troubled += invariants.left_open(scene.warehouse, died=True)
        self.troubled += invariants.broken_chains(scene.warehouse) + invariants.false_progress(
            scene.warehouse
        )
