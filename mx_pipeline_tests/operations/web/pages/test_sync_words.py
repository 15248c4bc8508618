"""What the sync page says: steps with true counts, all of it only after the proof, and who must act."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mx_pipeline.operations.web.pages.sync_cards import cards_of
from mx_pipeline.operations.web.pages.sync_ends import end_of
from mx_pipeline.operations.web.pages.sync_steps import course_of
from mx_pipeline.operations.web.pages.sync_words import what_of, who_of
from mx_pipeline.warehouse.watching import Watched

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROOF = {
    "stream": "payments",
    "scope": "the newest 100 payments",
    "verdict": "agrees",
    "source_count": 100,
    "our_count": 100,
}
ALL_DONE = {
    "payments": {"done": 100, "of": 100},
    "invoice_map": {"done": 45, "of": 45},
    "invoice_details": {"done": 45, "of": 45},
    "enriched_transactions": {"done": 0, "of": 0},
}
RUNNING = Watched(
    request_id=7,
    merchant_id=1_000_000_001,
    asked_by="user:1",
    asker="Pat",
    asked_through="api",
    mode="latest",
    latest=100,
    since=None,
    until=None,
    emergency=False,
    reason=None,
    dry_run=False,
    status="claimed",
    asked_at=NOON,
    finished_at=None,
    outcome=None,
    message=None,
    stats=None,
    started_at=NOON,
    run_finished_at=None,
    joined_to=None,
    cancelled_by=None,
    claimed_at=NOON,
    run_id=3,
    phase="payments",
    progress={},
    calls=0,
    certificates=[],
)
DONE = replace(
    RUNNING,
    status="done",
    outcome="success",
    phase=None,
    run_finished_at=NOON,
    progress=ALL_DONE,
    certificates=[PROOF],
)


def shown(watched: Watched) -> list[tuple[str, str, str]]:
    return [(step.name, step.state, step.words) for step in course_of(watched).steps]


def test_a_step_tells_what_is_committed_of_what_there_is() -> None:
    details = replace(
        RUNNING,
        phase="invoice_details",
        progress={**ALL_DONE, "invoice_details": {"done": 9, "of": 45}},
    )

    assert shown(details) == [
        ("payments", "done", "100 of 100 payments saved"),
        ("invoice_map", "done", "45 of 45 found in the invoice list"),
        ("invoice_details", "now", "9 of 45 invoices and receipts read"),
        ("enriched_transactions", "waiting", ""),
        ("proof", "waiting", ""),
    ]
    assert course_of(details).percent == 44


def test_where_nobody_knows_the_end_no_number_is_made_up() -> None:
    walking = replace(RUNNING, mode="incremental", progress={"payments": {"done": 2_000, "of": None}})

    assert shown(walking)[0] == ("payments", "now", "2,000 payments saved so far")
    assert course_of(walking).percent == 0


def test_all_of_it_is_there_only_after_commit_and_certificate() -> None:
    not_begun = replace(RUNNING, status="asked", run_id=None, phase=None)
    begun = replace(RUNNING, phase=None)
    proving = replace(RUNNING, phase="enriched_transactions", progress=ALL_DONE, certificates=[PROOF])
    not_committed = replace(
        RUNNING, phase=None, run_finished_at=NOON, progress=ALL_DONE, certificates=[PROOF]
    )
    without_proof = replace(DONE, certificates=[])

    assert [course_of(one).percent for one in (not_begun, begun)] == [0, 0]
    assert all(course_of(one).percent < 100 for one in (proving, not_committed, without_proof))
    assert course_of(DONE).percent == 100


def test_what_was_cut_off_is_not_called_done() -> None:
    cancelled = replace(
        DONE, outcome="cancelled", certificates=[], progress={"payments": {"done": 100, "of": 100}}
    )

    assert [state for _, state, _ in shown(cancelled)] == [
        "stopped",
        "waiting",
        "waiting",
        "waiting",
        "waiting",
    ]
    assert course_of(cancelled).percent < 100


@pytest.mark.parametrize(
    ("outcome", "message", "word", "who"),
    [
        ("success", "", "Done", None),
        ("partial", "not complete: invoices not read", "Partly done", "the next sync tries again"),
        ("cancelled", "cancelled by user:1", "Cancelled", None),
        ("rate_limited", "MX asks for fewer calls", "Paused by MX Merchant", "Nobody has to act"),
        ("auth_failed", "401", "Key refused", "owner must make a new API key"),
        ("failed", "no connection to the vendor", "Failed", "Try again in some minutes"),
        (
            "failed",
            "a defect in mx_pipeline (KeyError)",
            "Failed",
            "tell the operator of this service",
        ),
    ],
)
def test_every_end_has_a_word_and_says_who_must_act(
    outcome: str, message: str, word: str, who: str | None
) -> None:
    end = end_of(replace(DONE, outcome=outcome, message=message))

    assert end.word == word
    assert end.who == "" if who is None else who in end.who
    assert "user:1" not in end.sentence  # who cancelled is not told to everybody by their id


def test_cards_say_in_words_what_their_colour_says() -> None:
    stats: dict[str, Any] = {
        "transactionsSynced": 100,
        "transactionsStored": 100,
        "transactionsStandalone": 40,
        "transactionsUnlinked": 12,
        "transactionsLinkedToInvoices": 48,
        "transactionsWithProducts": 48,
        "invoicesLinked": 45,
        "linkRate": 0.8,
        "apiCalls": 47,
        "efficiency": 0.47,
        "fewestCalls": 47,
        "inserted": 100,
        "updated": 0,
        "unchanged": 0,
        "quarantined": 2,
    }

    cards = cards_of(
        replace(DONE, stats=stats, certificates=[{**PROOF, "verdict": "differs", "our_count": 98}])
    )

    assert [(card.title, card.value, card.tone_word) for card in cards] == [
        ("Complete?", "No", "Problem"),
        ("Payments read and saved", "100", "Good"),
        ("Payments with their invoice", "48", "Worth a look"),
        ("Payments with a product", "48", "Good"),
        ("Calls to MX Merchant", "47", "For information"),
        ("What changed here", "100 new", "For information"),
        ("Set aside", "2", "Problem"),
    ]
    assert cards_of(RUNNING) == []


def test_who_asked_and_for_what() -> None:
    days = replace(
        DONE, mode="range", latest=None, since=date(2026, 1, 5), until=date(2026, 2, 1), emergency=True
    )

    assert what_of(days) == "Payments from Jan 5, 2026 to Jan 31, 2026, as an emergency"
    assert what_of(DONE) == "The newest 100 payments"
    assert who_of(DONE, me="user:1") == "You"
    assert who_of(DONE, me="user:2") == "Pat"
    assert who_of(replace(DONE, asker=None), me="user:2") == "Somebody else"
    assert (
        who_of(replace(DONE, asked_by="schedule", asked_through="schedule", asker=None), me="user:2")
        == "The schedule"
    )
