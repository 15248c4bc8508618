"""What it costs to derive everything again: against rewriting the same rows with a bare UPDATE, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

from mx_pipeline.access import OPERATOR
from mx_pipeline.warehouse.category_rules import Rule, add_rule, withdraw_rule
from mx_pipeline.warehouse.deriving import derive_again
from mx_pipeline_tests.bench.clinic import Clinic, Machine
from mx_pipeline_tests.bench.figures import TIMES, Figure
from mx_pipeline_tests.bench.sql import run

RULES = 50
PER_SECOND = "payments a second"
BARE_UPDATE = "UPDATE mx.enriched_transactions SET product_category = product_category || '.'"


def category_rows(machine: Machine, payments: int, runs: int) -> Iterator[Figure]:
    with machine.clinic(payments) as clinic:
        clinic.sync()
        with clinic.warehouse.app.merchant(clinic.merchant_id, person=OPERATOR) as tenant:
            for number in range(RULES):
                rule = Rule(kind="regex", pattern=rf"never \d+ sold {number}", category=f"Rule {number}")
                add_rule(tenant, rule, actor="operator:bench")
        derive_again(clinic.warehouse.loader, clinic.merchant_id)
        run(clinic.database_url, "ANALYZE")
        took: dict[str, list[float]] = {"bare": [], "changed": [], "unchanged": []}
        for turn in range(runs):
            took["bare"].append(_seconds(lambda: run(clinic.database_url, BARE_UPDATE)))
            derive_again(clinic.warehouse.loader, clinic.merchant_id)
            _rule_for_all(clinic, turn)
            took["changed"].append(
                _seconds(lambda: derive_again(clinic.warehouse.loader, clinic.merchant_id))
            )
            took["unchanged"].append(
                _seconds(lambda: derive_again(clinic.warehouse.loader, clinic.merchant_id))
            )
            run(clinic.database_url, "ANALYZE")
    seconds = {name: median(all_of) for name, all_of in took.items()}
    beside = {"payments": payments, "rules": RULES + 1, "runs": runs, "seconds": seconds}
    yield Figure(
        "categories", f"deriving {payments:,} payments again, every category changed, of a bare UPDATE of them",
        seconds["changed"] / seconds["bare"], TIMES, 10, beside=beside,
    )  # fmt: skip
    for name in ("changed", "unchanged"):
        yield Figure(
            "categories", f"deriving again, every category {name}", payments / seconds[name], PER_SECOND, 50_000,
            is_least=True, beside=beside,
        )  # fmt: skip


def _rule_for_all(clinic: Clinic, turn: int) -> None:
    with clinic.warehouse.app.merchant(clinic.merchant_id, person=OPERATOR) as tenant:
        if turn:
            withdraw_rule(tenant, RULES + turn, actor="operator:bench")
        rule = Rule(kind="regex", pattern=".", category=f"Turn {turn}", priority=1)
        add_rule(tenant, rule, actor="operator:bench")


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
