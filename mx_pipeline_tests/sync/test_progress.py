"""A running sync tells how far it is: what is committed, of what there is to do."""

from __future__ import annotations

import threading
from typing import Any

from mx_pipeline.access import OPERATOR
from mx_pipeline.sync.orders import Phase
from mx_pipeline.sync.progress import Progress
from mx_pipeline.warehouse.requests import SyncRequest, ask
from mx_pipeline.warehouse.watching import Watched, history, watch
from mx_pipeline_tests.fakes.clinic import Clinic
from mx_pipeline_tests.fakes.people import has_person_as


def test_a_sync_of_the_latest_counts_towards_what_was_asked_and_what_is_there(a_clinic: Any) -> None:
    clinic: Clinic = a_clinic(payments=300)
    request_id = asked(clinic, latest=100)

    seen = watched_meanwhile(clinic, request_id)
    last = seen[-1]

    assert last.progress["payments"] == {"done": 100, "of": 100}
    details = last.progress["invoice_details"]
    assert details["done"] == details["of"] == last.stats["invoiceDetails"] + last.stats["paymentDetails"] > 0
    assert last.outcome == "success"
    assert {made["verdict"] for made in last.certificates} == {"agrees"}
    assert last.calls == last.stats["apiCalls"]
    for one in seen:
        for phase, told in one.progress.items():
            assert told["of"] is None or told["done"] <= told["of"], (phase, told)
        # What is told as done is there: whoever looks at the same moment can count it.
        assert one.progress.get("payments", {"done": 0})["done"] <= rows_there(clinic)
    assert any(0 < one.progress.get("invoice_details", {"done": 0})["done"] < details["of"] for one in seen)


def test_a_full_sync_counts_towards_the_length_of_the_list(a_clinic: Any) -> None:
    clinic: Clinic = a_clinic(payments=1_250)
    request_id = asked(clinic, mode="full")

    seen = watched_meanwhile(clinic, request_id)

    last = seen[-1]
    assert any(one.progress.get("payments") == {"done": 1_000, "of": 1_250} for one in seen)
    assert last.progress["payments"] == {"done": 1_250, "of": 1_250}
    assert last.progress["invoice_map"]["done"] == last.progress["invoice_map"]["of"]


def test_a_phase_whose_end_is_not_known_says_so_until_it_has_come() -> None:
    progress = Progress()
    progress.expects(Phase.PAYMENTS, None)
    progress.add(Phase.PAYMENTS, 40)

    before = progress.as_json()
    progress.ended(Phase.PAYMENTS)

    assert before == '{"payments":{"done":40,"of":null}}'
    assert progress.as_json() == '{"payments":{"done":40,"of":40}}'


def test_whoever_joined_watches_the_sync_that_they_joined(a_clinic: Any) -> None:
    clinic: Clinic = a_clinic(payments=30)
    first = asked(clinic, latest=20)
    person = has_person_as(clinic.warehouse, "tenant_admin")
    with clinic.warehouse.app.merchant(clinic.merchant_id, person=person) as tenant:
        joined = ask(tenant, SyncRequest(f"user:{person}", "api", mode="latest", latest=20))

    clinic.answerer.answer(clinic.merchant_id, first)

    mine = look(clinic, joined, person=person)
    assert (mine.joined_to, mine.outcome, mine.progress["payments"]["done"]) == (first, "success", 20)
    assert mine.asker == "tenant_admin.1000000001@clinic.example"
    with clinic.warehouse.app.merchant(clinic.merchant_id, person=person) as tenant:
        assert [one.request_id for one in history(tenant)] == [joined, first]
        assert [one.request_id for one in history(tenant, before=joined)] == [first]


def asked(clinic: Clinic, **order: Any) -> int:
    mode = "latest" if "latest" in order else order.pop("mode")
    with clinic.warehouse.app.merchant(clinic.merchant_id, person=OPERATOR) as tenant:
        return ask(tenant, SyncRequest("operator:test", "command", mode=mode, **order))


def look(clinic: Clinic, request_id: int, *, person: str = OPERATOR) -> Watched:
    with clinic.warehouse.app.merchant(clinic.merchant_id, person=person) as tenant:
        found = watch(tenant, request_id)
    assert found is not None
    return found


def rows_there(clinic: Clinic) -> int:
    return clinic.warehouse.value("SELECT count(*) FROM mx.payments")


def watched_meanwhile(clinic: Clinic, request_id: int) -> list[Watched]:
    """What somebody sees who looks again and again, from the first moment to the last."""
    clinic.mx.behaves(clinic.merchant_id, latency_ms=150)
    thread = threading.Thread(target=clinic.answerer.answer, args=(clinic.merchant_id, request_id))
    thread.start()
    seen = [look(clinic, request_id)]
    while thread.is_alive():
        seen.append(look(clinic, request_id))
    thread.join()
    return [*seen, look(clinic, request_id)]
