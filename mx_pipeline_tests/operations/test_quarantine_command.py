"""`mx-pipeline quarantine`: what is held is shown, tried again, and what cannot be tried is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mx_pipeline.synthetic_mx import SyntheticMx, faults
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.conftest import Here

Clinic = Callable[..., int]
OTHER = MERCHANT + 1


def a_payment_without_an_amount(mx: SyntheticMx) -> int:
    (bad,) = mx.has_payments(MERCHANT, {"amount": "not a number"})
    return bad


def test_what_is_held_is_listed_with_its_reason_and_never_its_value(
    here: Here, clinic: Clinic, mx: SyntheticMx
) -> None:
    clinic(payments=3)
    bad = a_payment_without_an_amount(mx)
    here("sync", MERCHANT)

    ran, words = here("quarantine", "list", "--json"), here("quarantine", "list").out

    (held,) = ran.answer["quarantine"]
    assert (held["merchant_id"], held["stream"], held["mx_id"]) == (MERCHANT, "payments", bad)
    assert held["reason"].startswith("amount: ")
    assert str(bad) in words
    assert "not a number" not in ran.out + words


def test_a_replay_takes_in_what_was_mended_and_says_that_nothing_is_left(
    here: Here, clinic: Clinic, mx: SyntheticMx
) -> None:
    clinic(payments=3), clinic(OTHER, payments=1)
    bad = a_payment_without_an_amount(mx)
    here("sync", "--all")
    still_bad = here("quarantine", "replay", "--json")
    mx.change_payment(MERCHANT, bad, amount="12.00")

    mended = here("quarantine", "replay")
    nothing = here("quarantine", "replay", "--json")

    assert (still_bad.code, [run["merchant_id"] for run in still_bad.runs]) == (3, [MERCHANT])
    assert still_bad.answer["still_held"][0]["without_id"] == 0
    assert (mended.code, "nothing is in quarantine any more" in mended.out) == (0, True)
    assert (nothing.code, nothing.answer) == (0, {"runs": [], "still_held": []})


def test_a_replay_says_what_cannot_be_asked_for_and_what_ends_it(
    here: Here, clinic: Clinic, mx: SyntheticMx
) -> None:
    clinic(payments=3)
    bad = a_payment_without_an_amount(mx)

    def without_id(record: dict[str, Any]) -> dict[str, Any]:
        return {**record, "id": None} if record["id"] == bad else record

    mx.answers(faults.edits(without_id, endpoint="payments"))
    here("sync", MERCHANT)

    ran = here("quarantine", "replay")
    mx.answers_truthfully()
    mx.change_payment(MERCHANT, bad, amount="12.00")
    here("sync", MERCHANT, "--full")

    assert ran.code == 3
    assert "1 of them came without a readable id" in ran.out
    assert f"mx-pipeline sync {MERCHANT} --full" in ran.out
    assert here("quarantine", "list", "--json").answer == {"quarantine": []}


def test_a_paused_merchant_does_not_keep_the_others_from_being_replayed(
    here: Here, clinic: Clinic, mx: SyntheticMx
) -> None:
    clinic(payments=3), clinic(OTHER, payments=1)
    a_payment_without_an_amount(mx)
    mx.has_payments(OTHER, {"amount": "not a number"})
    here("sync", "--all")
    here("merchants", "pause", OTHER)

    everyone, named = here("quarantine", "replay", "--json"), here("quarantine", "replay", OTHER)

    assert [run["merchant_id"] for run in everyone.runs] == [MERCHANT]
    assert (named.code, "is paused" in named.sentence) == (2, True)
