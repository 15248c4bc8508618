"""Somebody asks for a sync over HTTP, watches it, waits for it, cancels it; and the limits hold at the door."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from mx_pipeline.access import OPERATOR
from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.people import take_role
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.web.conftest import SECONDS, Answering, Web

Clinic = Callable[..., int]
EMERGENCY = {"emergency": True, "reason": "the terminal was down"}


def asked(web: Web, *, wait: int = 0, token: str | None = None, **more: Any) -> requests.Response:
    headers = {"Prefer": f"wait={wait}"} if wait else {}
    body = {"merchantId": MERCHANT, **more}
    return web.call("POST", "/api/sync/manual", token=token or web.token(), json=body, headers=headers)


class Watching:
    """Reads a stream of events in a thread of its own."""

    def __init__(self, web: Web, path: str, token: str, **headers: str) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self.answer = requests.get(
            web.url + path,
            headers={"Authorization": f"Bearer {token}", **headers},
            stream=True,
            timeout=SECONDS,
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        event: dict[str, str] = {}
        for line in self.answer.iter_lines(chunk_size=1, decode_unicode=True):
            if not line:
                if "event" in event:
                    body = requests.models.complexjson.loads(event["data"])
                    self.events.append((event.get("id", ""), event["event"], body))
                event = {}
                continue
            name, _, value = line.partition(": ")
            event[name] = value

    def to_the_end(self) -> list[tuple[str, str, dict[str, Any]]]:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "the stream did not end"
        return self.events


def until(is_so: Callable[[], object], what: str) -> None:
    waited = threading.Event()
    for _ in range(400):
        if is_so():
            return
        waited.wait(0.02)
    raise AssertionError(what)


@pytest.fixture
def slow(mx: SyntheticMx, clinic: Clinic) -> Iterator[SyntheticMx]:
    """A clinic whose every call takes a while."""
    clinic(payments=300)
    mx.behaves(MERCHANT, latency_ms=150)
    yield mx
    mx.behaves(MERCHANT, latency_ms=0)


def test_who_waits_gets_the_answer_of_the_source_document(
    web: Web, clinic: Clinic, worker: Answering
) -> None:
    clinic(payments=30)

    answer = asked(web, wait=20)

    body = answer.json()
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (200, "wait=20")
    assert (body["success"], body["outcome"], body["stats"]["transactionsSynced"]) == (True, "success", 20)
    assert {"invoicesLinked", "transactionsWithProducts", "apiCalls", "efficiency"} <= set(body["stats"])
    now = web.call("GET", answer.headers["Location"], token=web.token("viewer")).json()
    assert (now["status"], now["percent"], now["transactionCount"]) == ("done", 100, 20)
    assert now["certificates"][0]["verdict"] == "agrees"


def test_a_second_who_asks_joins_the_first_and_both_are_in_the_history(web: Web, clinic: Clinic) -> None:
    clinic()

    first, second, other = asked(web), asked(web), asked(web, transactionCount=5)

    assert [answer.status_code for answer in (first, second, other)] == [202] * 3
    assert [answer.json()["joined"] for answer in (first, second, other)] == [False, True, False]
    token = web.token("viewer")
    page = web.call("GET", f"/api/syncs?merchantId={MERCHANT}&limit=2", token=token).json()
    rest = web.call(
        "GET", f"/api/syncs?merchantId={MERCHANT}&cursor={page['next_cursor']}", token=token
    ).json()
    ids = [one["id"] for one in page["syncs"] + rest["syncs"]]
    assert ids == [answer.json()["id"] for answer in (other, second, first)]
    assert (page["syncs"][0]["askedBy"], rest["next_cursor"]) == (
        f"tenant_admin.{MERCHANT}@clinic.example",
        None,
    )


def test_a_stream_tells_committed_counts_and_all_of_it_only_at_the_end(
    web: Web, slow: SyntheticMx, warehouse: WarehouseUnderTest, worker: Answering
) -> None:
    where = asked(web, transactionCount=100).headers["Location"]

    watching = Watching(web, f"{where}/events", web.token())
    events = watching.to_the_end()

    assert watching.answer.headers["Content-Type"].startswith("text/event-stream")
    percents = [body["percent"] for _, _, body in events]
    assert percents == sorted(percents)
    assert [name for _, name, _ in events] == ["progress"] * (len(events) - 1) + ["done"]
    assert all((body["percent"] == 100) == (body["status"] == "done") for _, _, body in events)
    assert len({body["percent"] for _, _, body in events}) > 2
    assert any(phase["of"] == 100 for phase in events[-1][2]["phases"])
    assert events[-1][2]["certificates"][0]["verdict"] == "agrees"


def test_a_stream_that_comes_again_never_falls_behind_what_was_told(web: Web, clinic: Clinic) -> None:
    clinic()
    where = asked(web).headers["Location"]

    watching = Watching(web, f"{where}/events", web.token(), **{"Last-Event-ID": "60"})
    until(lambda: watching.events, "an event")
    web.call("DELETE", where, token=web.token())

    events = watching.to_the_end()
    assert events[0][2]["percent"] == 60
    assert (events[-1][1], events[-1][2]["outcome"]) == ("done", "cancelled")


def test_one_person_watches_a_few_streams_and_their_places_are_given_back(web: Web, clinic: Clinic) -> None:
    clinic()
    path = asked(web).headers["Location"] + "/events"
    headers = {"Authorization": f"Bearer {web.token()}"}

    open_ones = [
        requests.get(web.url + path, headers=headers, stream=True, timeout=SECONDS) for _ in range(10)
    ]
    refused = web.call("GET", path, token=web.token())
    for answer in open_ones:
        answer.close()

    assert {answer.status_code for answer in open_ones} == {200}
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")

    def has_a_place() -> bool:
        with requests.get(web.url + path, headers=headers, stream=True, timeout=SECONDS) as answer:
            return answer.status_code == 200

    until(has_a_place, "a place")


def test_cancelling_stops_a_running_sync_within_a_page_and_needs_the_permission(
    web: Web, slow: SyntheticMx, worker: Answering
) -> None:
    where = asked(web, transactionCount=100).headers["Location"]
    until(lambda: web.call("GET", where, token=web.token()).json()["status"] == "running", "its start")

    refused = web.call("DELETE", where, token=web.token("viewer"))
    stopped = web.call("DELETE", where, token=web.token())
    events = Watching(web, f"{where}/events", web.token()).to_the_end()

    assert refused.status_code == 403
    assert (stopped.status_code, stopped.json()["result"]) == (200, "stopping")
    assert events[-1][2]["outcome"] == "cancelled"
    assert events[-1][2]["percent"] < 100


def test_s15_a_revoked_permission_ends_the_stream_and_the_next_call_and_the_sync_is_finished_and_logged(
    web: Web, slow: SyntheticMx, warehouse: WarehouseUnderTest, worker: Answering
) -> None:
    """Policy: what was begun while it was allowed is finished, for others may have joined; its asker sees no more."""
    web.token("tenant_owner")
    person = warehouse.value("SELECT id::text FROM mx.users WHERE email LIKE 'tenant_owner%'")
    token = web.token("tenant_owner")
    where = asked(web, token=token, transactionCount=200, **EMERGENCY).headers["Location"]
    watching = Watching(web, f"{where}/events", token)
    until(lambda: watching.events, "an event")

    with warehouse.app.merchant(MERCHANT, person=OPERATOR) as tenant:
        take_role(tenant, person)
    events = watching.to_the_end()
    again = web.call("GET", where, token=token)

    assert (events[-1][1], events[-1][2]["code"]) == ("denied", "access_denied")
    assert again.status_code == 403
    until(lambda: web.call("GET", where, token=web.token()).json()["status"] == "done", "its end")
    assert web.call("GET", where, token=web.token()).json()["outcome"] == "success"
    actions = [action for (action,) in warehouse.rows("SELECT action FROM mx.audit_log ORDER BY entry")]
    assert actions.index("sync.asked") < actions.index("access.refused")


@pytest.mark.parametrize(
    ("body", "field", "says"),
    [
        ({"transactionCount": 1001, **EMERGENCY}, "transactionCount", "from 1 to 100, or to 1000"),
        ({"transactionCount": 101}, "transactionCount", "100 at most"),
        ({"transactionCount": 0}, "transactionCount", "from 1 to 100"),
        ({"transactionCount": -1}, "transactionCount", "from 1 to 100"),
        ({"transactionCount": 1e9}, "transactionCount", "from 1 to 100"),
        ({"transactionCount": 10**30}, "transactionCount", "from 1 to 100"),
        ({"transactionCount": "1000; DROP TABLE"}, "transactionCount", "from 1 to 100"),
        ({"transactionCount": "20"}, "transactionCount", "from 1 to 100"),
        ({"transactionCount": True}, "transactionCount", "from 1 to 100"),
        ({"transactionCount": 500, "emergency": True}, "reason", "needs one"),
        ({"transactionCount": 500, "emergency": True, "reason": " "}, "reason", "1 to 500 characters"),
        ({"dateFrom": "2014-01-01", "dateTo": "2024-01-01", **EMERGENCY}, "dateTo", "13 months"),
        ({"dateFrom": "2014-01-01", **EMERGENCY}, "dateTo", "13 months"),
        ({"dateFrom": "2026-03-02", "dateTo": "2026-03-01", **EMERGENCY}, "dateFrom", "exchange"),
        ({"dateFrom": "9999-12-31", "dateTo": "9999-12-31", **EMERGENCY}, "dateTo", "13 months"),
        ({"dateFrom": "1.3.2026", **EMERGENCY}, "dateFrom", "2026-03-01"),
        ({"dateFrom": 1772323200, **EMERGENCY}, "dateFrom", "2026-03-01"),
        ({"dateTo": "2026-03-01", **EMERGENCY}, "dateFrom", "first day"),
        ({"dateFrom": "2026-03-01"}, "emergency", "must be true"),
        ({"reason": "a\nb", "emergency": True}, "reason", "one line"),
        ({"reason": "\ud800", "emergency": True}, "reason", "one line"),
        ({"merchantId": "1000000001"}, "merchantId", "such as 1000000001"),
        ({"merchant_id": 1}, "merchant_id", "leave it out"),
        ({"role": "super_admin"}, "role", "leave it out"),
        ({"mode": "full"}, "mode", "leave it out"),
    ],
)
def test_s16_a_limit_that_is_passed_is_refused_with_what_to_type(
    web: Web, clinic: Clinic, body: dict[str, Any], field: str, says: str
) -> None:
    clinic()

    answer = asked(web, token=web.token("tenant_owner"), **body)

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert says in error["message"]
    assert web.warehouse.value("SELECT count(*) FROM mx.sync_requests") == 0


def test_s16_an_emergency_needs_its_permission_and_its_reason_stays_on_record(
    web: Web, clinic: Clinic
) -> None:
    clinic()

    refused = asked(web, transactionCount=1000, **EMERGENCY)
    taken = asked(web, token=web.token("tenant_owner"), transactionCount=1000, **EMERGENCY)
    first, last = (str(datetime.now(UTC).date() - timedelta(days=days)) for days in (393, 2))
    days = asked(web, token=web.token("tenant_owner"), dateFrom=first, dateTo=last, **EMERGENCY)

    assert (refused.status_code, taken.status_code, days.status_code) == (403, 202, 202)
    assert (days.json()["dateFrom"], days.json()["dateTo"]) == (first, last)
    assert web.warehouse.value(
        "SELECT detail ->> 'reason' FROM mx.audit_log WHERE action = 'sync.asked' AND detail ->> 'latest' = '1000'"
    )
    assert web.warehouse.value("SELECT count(*) FROM mx.audit_log WHERE action = 'access.refused'") == 1


def test_a_dry_run_compares_and_stores_nothing(
    web: Web, clinic: Clinic, warehouse: WarehouseUnderTest, worker: Answering
) -> None:
    clinic(payments=30)

    answer = asked(web, wait=20, transactionCount=10, dryRun=True)

    assert (answer.status_code, answer.json()["outcome"]) == (200, "success")
    assert answer.json()["stats"]
    now = web.call("GET", answer.headers["Location"], token=web.token()).json()
    assert (now["dryRun"], now["percent"]) == (True, 100)
    assert warehouse.value("SELECT count(*) FROM mx.payments") == 0
