"""`mx-pipeline cancel`: by a request's number, or by a merchant's; only by who may ask for a sync there."""

from __future__ import annotations

from collections.abc import Callable

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

Clinic = Callable[..., int]
OUTCOMES = "SELECT status, outcome, message FROM mx.sync_requests ORDER BY request_id"


def test_a_request_is_cancelled_by_its_number_and_everything_of_a_merchant_by_that_of_the_merchant(
    here: Here, clinic: Clinic, warehouse: WarehouseUnderTest
) -> None:
    clinic(), clinic(MERCHANT + 1)
    first = here("sync", MERCHANT, "--detach", "--json").answer["requests"][0]["request_id"]
    joined = here("sync", MERCHANT, "--detach", "--json").answer["requests"][0]["request_id"]
    others = [
        here("sync", MERCHANT + 1, *how, "--detach").code for how in ([], ["--full"], ["--latest", 5], [])
    ]

    left, ended = here("cancel", first), here("cancel", first, "--for-all", "--json")
    all_of_it = here("cancel", MERCHANT + 1, "--json")

    assert others == [0, 0, 0, 0]
    assert f"request {first} goes on for those who joined it" in left.out
    assert ended.answer == {
        "requests": [{"merchant_id": MERCHANT, "request_id": first, "outcome": "cancelled"}]
    }
    assert {one["outcome"] for one in all_of_it.answer["requests"]} <= {"cancelled", "already_done"}
    assert len(all_of_it.answer["requests"]) == 4
    assert {(row.status, row.outcome) for row in warehouse.rows(OUTCOMES)} == {("done", "cancelled")}
    assert f"request {joined} was done already" in here("cancel", joined).out
    assert f"merchant {MERCHANT}: nothing is asked of it" in here("cancel", MERCHANT).out
    assert "there is no request and no merchant 999" in here("cancel", 999).sentence


def test_only_who_may_ask_for_a_sync_may_cancel_one(
    here: Here, clinic: Clinic, warehouse: WarehouseUnderTest
) -> None:
    clinic()
    here("users", "add", "viewer@clinic.example", "--name", "Vic")
    here("users", "grant", "viewer@clinic.example", "viewer", "--merchant", MERCHANT)
    token = here("users", "token", "viewer@clinic.example", "--json").answer["token"]
    request = here("sync", MERCHANT, "--detach", "--json").answer["requests"][0]["request_id"]

    refused = here("cancel", request, MX_TOKEN=token)

    assert (refused.code, "sync.manual" in refused.err) == (4, True)
    assert warehouse.rows(OUTCOMES)[0].status == "asked"
