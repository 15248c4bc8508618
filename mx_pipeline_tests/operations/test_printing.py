"""What a person reads at a terminal is text, whatever somebody named a product (S27)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mx_pipeline.operations.printing import say, say_table, tell
from mx_pipeline.operations.tables import quarantine_table
from mx_pipeline.synthetic_mx import SyntheticMx, faults
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

FORGED = "merchant 1: success"
ESCAPES = f"Drip\n{FORGED}\r\x1b[31mred\x1b]0;title\x07\x9b2J\u2028\u202eevil"


def test_s27_a_product_name_moves_no_cursor_and_forges_no_line(
    here: Here, mx: SyntheticMx, clinic: Callable[..., int], warehouse: WarehouseUnderTest
) -> None:
    def renamed(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "purchases": [{**line, "productName": ESCAPES} for line in record["purchases"]]}

    merchant_id = clinic(payments=5)
    mx.answers(faults.edits(renamed, endpoint="invoice"))
    assert here("sync", merchant_id, "--full").code == 0
    payment = warehouse.value("SELECT min(mx_payment_id) FROM mx.enriched_transactions WHERE has_invoice")

    told = here("trace", payment)

    assert "evil" in told.out
    _is_plain(told.out)
    assert not [line for line in told.out.splitlines() if line.strip().startswith(FORGED)]


def test_s27_nothing_that_is_printed_reaches_the_terminal_as_a_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    held = {
        "merchant_id": 1,
        "stream": ESCAPES,
        "mx_id": 1,
        "reason": ESCAPES,
        "attempts": 1,
        "last_seen_at": "",
    }

    say(f"Zoë 🌵 {ESCAPES}")
    tell(ESCAPES)
    say_table(quarantine_table([held]))

    told = capsys.readouterr()
    assert "Zoë 🌵" in told.out
    assert "\\x1b[31mred" in told.out
    _is_plain(told.out + told.err)


def _is_plain(text: str) -> None:
    odd = {letter for letter in text if not (letter.isprintable() or letter in "\n\u200b")}
    assert odd == set()
