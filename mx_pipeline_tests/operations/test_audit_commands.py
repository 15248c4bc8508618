"""`mx-pipeline audit …`: what people do with merchants and syncs is on the record, and the record is proven."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from mx_pipeline.operations.context import operator
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

NOBODYS = MERCHANT + 5


def test_what_a_person_does_with_a_merchant_is_recorded_without_its_name_and_key(
    here: Here, warehouse: WarehouseUnderTest
) -> None:
    new = {"MX_CONSUMER_KEY": "K" * 24, "MX_CONSUMER_SECRET": "canary-of-the-secret"}
    words = ("--name", "Clinic Canary", "--environment", "sandbox", "--timezone", "America/Chicago")

    here("merchants", "add", MERCHANT, *words, "--no-verify", **new)
    here("merchants", "set-key", MERCHANT, "--no-verify", **new)
    here("merchants", "set", MERCHANT, "--calls-in-flight", 3)
    here("merchants", "set", MERCHANT)
    here("merchants", "pause", MERCHANT)
    here("sync", MERCHANT)
    here("sync", NOBODYS)
    here("merchants", "resume", MERCHANT)

    told = here("audit", "list", "--json")
    events = [(one["merchant_id"], one["action"]) for one in reversed(told.answer["events"])]
    assert events == [
        (MERCHANT, "merchant.added"),
        (MERCHANT, "credential.changed"),
        (MERCHANT, "merchant.changed"),
        (MERCHANT, "merchant.paused"),
        (MERCHANT, "sync.refused"),
        (0, "sync.refused"),
        (MERCHANT, "merchant.resumed"),
    ]
    assert {one["actor"] for one in told.answer["events"]} == {operator()}
    assert "canary" not in told.out.lower()


def test_a_sync_is_recorded_when_it_is_asked_for_and_when_it_opens_the_key(
    here: Here, clinic: Callable[..., int]
) -> None:
    merchant_id = clinic(payments=30)

    here("sync", merchant_id, "--latest", 200, "--emergency", "--reason", "a lost week")

    used, asked = here("audit", "list", "--merchant", merchant_id, "--json").answer["events"]
    assert (asked["action"], asked["actor"]) == ("sync.asked", operator())
    assert asked["detail"] == {
        "through": "command", "mode": "latest", "latest": 200, "emergency": True, "reason": "a lost week"
    }  # fmt: skip
    assert (used["action"], used["subject"]) == ("credential.used", asked["subject"])
    assert used["actor"].startswith("process:command ")


def test_the_list_is_a_table_and_can_be_narrowed(here: Here, warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    assert here("audit", "list").out == "nothing is recorded\n"
    here("merchants", "pause", MERCHANT)

    assert "merchant.paused" in here("audit", "list").out
    assert here("audit", "list", "--since", "2999-01-01").out == "nothing is recorded\n"
    assert here("audit", "list", "--merchant", 0).out == "nothing is recorded\n"


def test_verify_and_anchor_find_what_was_cut_off(
    here: Here, warehouse: WarehouseUnderTest, tmp_path: Path
) -> None:
    anchor = tmp_path / "anchor"
    warehouse.has_merchant()
    for _ in range(3):
        here("merchants", "pause", MERCHANT)

    assert here("audit", "anchor", "--to", anchor).code == 0
    assert here("audit", "anchor", "--to", anchor, "--json").answer == {"chains": 1, "written": 0}
    here("merchants", "resume", MERCHANT)
    assert here("audit", "anchor", "--to", anchor).code == 0
    assert [json.loads(line)["entry"] for line in anchor.read_text().splitlines()] == [3, 4]
    assert here("audit", "verify", "--anchor", anchor, "--json").answer == {
        "chains": 1, "entries": 4, "findings": []
    }  # fmt: skip

    warehouse.damage("ALTER TABLE mx.audit_log DISABLE TRIGGER only_added_to; DELETE FROM mx.audit_log WHERE entry > 2;"
                     "ALTER TABLE mx.audit_log ENABLE ALWAYS TRIGGER only_added_to")  # fmt: skip

    assert here("audit", "verify").code == 0
    found = here("audit", "verify", "--anchor", anchor)
    assert (found.code, "entry 4: it was anchored and is gone" in found.out) == (1, True)
    before = anchor.read_bytes()
    refused = here("audit", "anchor", "--to", anchor)
    assert (refused.code, "nothing was anchored" in refused.err) == (1, True)
    assert anchor.read_bytes() == before


def test_an_anchor_that_is_none_is_refused_by_its_line(here: Here, tmp_path: Path) -> None:
    spoilt = tmp_path / "anchor"
    spoilt.write_text('{"merchant_id":1,"entry":1,"hash":"","at":"2026-03-01T12:00:00Z"}\nnonsense\n')

    assert "line 2 of the anchor" in here("audit", "verify", "--anchor", spoilt).sentence
    assert "cannot be read" in here("audit", "verify", "--anchor", tmp_path / "none").sentence
