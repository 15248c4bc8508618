"""Pages of what is stored: in order and whole, names by permission and on the record, and what nurses may say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.web.conftest import Answering, Web

Clinic = Callable[..., int]


@pytest.fixture
def filled(web: Web, clinic: Clinic, worker: Answering) -> Web:
    """A clinic with its newest 60 payments."""
    clinic(payments=90)
    body = {"merchantId": MERCHANT, "transactionCount": 60}
    answer = web.call("POST", "/api/sync/manual", token=web.token(), json=body, headers={"Prefer": "wait=30"})
    assert answer.json()["outcome"] == "success"
    return web


def pages(web: Web, path: str, name: str, token: str, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    params = {"merchantId": MERCHANT, **filters}
    while True:
        answer = web.call("GET", path, token=token, params=params)
        assert answer.status_code == 200, answer.text
        found += answer.json()[name]
        if answer.json()["next_cursor"] is None:
            return found
        params["cursor"] = answer.json()["next_cursor"]


def test_pages_hold_every_row_once_in_order_and_names_need_their_permission(
    filled: Web, warehouse: WarehouseUnderTest
) -> None:
    reads = "SELECT count(*) FROM mx.audit_log WHERE action = 'names.read'"

    masked = pages(filled, "/api/transactions", "transactions", filled.token("viewer"), limit=7)
    unread = warehouse.value(reads)
    shown = pages(filled, "/api/transactions", "transactions", filled.token("clinic_staff"), limit=25)

    stored = warehouse.rows("SELECT mx_payment_id FROM mx.payments ORDER BY created DESC, mx_payment_id DESC")
    assert [row["mx_payment_id"] for row in masked] == [mx_id for (mx_id,) in stored]
    assert [row["mx_payment_id"] for row in shown] == [mx_id for (mx_id,) in stored]
    assert {row["customer_name"] for row in masked} == {None}
    assert any(row["customer_name"] for row in shown)
    assert (unread, warehouse.value(reads)) == (0, 3)
    assert "card_token" not in shown[0]
    assert isinstance(shown[0]["amount"], str)


def test_filters_leave_out_what_was_not_asked_for(filled: Web) -> None:
    token = filled.token("viewer")
    everything = pages(filled, "/api/transactions", "transactions", token)
    some = next(row for row in everything if row["product_category"])

    linked = pages(filled, "/api/transactions", "transactions", token, hasInvoice="true")
    of_category = pages(filled, "/api/transactions", "transactions", token, category=some["product_category"])
    of_that_day = pages(
        filled, "/api/transactions", "transactions", token, **{"from": "2000-01-01", "to": "2000-01-31"}
    )

    assert [row for row in everything if row["has_invoice"]] == linked
    assert {row["product_category"] for row in of_category} == {some["product_category"]}
    assert of_that_day == []


def test_nurses_say_that_data_were_sent_and_nobody_sends_them_back(
    filled: Web, warehouse: WarehouseUnderTest
) -> None:
    nurse = filled.token("nurse")
    (first, *_) = pages(filled, "/api/invoices", "invoices", nurse)
    before = filled.call("GET", "/api/merchants", token=nurse)

    changed = filled.call(
        "PATCH",
        f"/api/invoices/{first['id']}/data-sent",
        token=nurse,
        json={"status": "yes", "notes": "by fax"},
    )
    after = filled.call(
        "GET", "/api/merchants", token=nurse, headers={"If-None-Match": before.headers["ETag"]}
    )
    sent = pages(filled, "/api/invoices", "invoices", nurse, dataSent="yes")

    assert (changed.status_code, changed.json()["data_sent_status"]) == (200, "yes")
    assert changed.json()["data_sent_at"]
    assert [row["id"] for row in sent] == [first["id"]]
    assert after.status_code == 200
    assert after.json()["merchants"][0]["version"] != before.json()["merchants"][0]["version"]
    assert warehouse.value("SELECT count(*) FROM mx.audit_log WHERE action = 'workflow.changed'") == 1


def test_my_merchants_tell_my_role_and_304_while_nothing_moved(filled: Web) -> None:
    first = filled.call("GET", "/api/merchants", token=filled.token("nurse"))
    again = filled.call(
        "GET", "/api/merchants", token=filled.token("nurse"), headers={"If-None-Match": first.headers["ETag"]}
    )

    (mine,) = first.json()["merchants"]
    assert (mine["merchant_id"], mine["role"]) == (MERCHANT, "nurse")
    assert "invoices.update_data_sent" in mine["permissions"]
    assert (again.status_code, again.content) == (304, b"")


def test_reports_add_up_to_what_is_stored(filled: Web, warehouse: WarehouseUnderTest) -> None:
    days = {"merchantId": MERCHANT, "from": "2020-01-01", "to": "2027-12-31"}
    staff = filled.token("clinic_staff")

    by_day, by_month = (
        filled.call("GET", "/api/reports/revenue", token=staff, params={**days, "by": by}).json()["rows"]
        for by in ("day", "month")
    )

    stored = warehouse.value(
        "SELECT sum(amount) FROM mx.payments WHERE amount > 0 AND status IN ('Approved', 'Settled')"
        " AND coalesce(type, '') <> 'Return'"
    )
    assert sum(float(row["revenue"]) for row in by_day) == pytest.approx(float(stored))
    assert sum(float(row["revenue"]) for row in by_month) == pytest.approx(float(stored))
    for which in (
        "revenue-by-month",
        "revenue-by-category",
        "revenue-by-product",
        "payments-by-month",
        "memberships",
    ):
        answer = filled.call(
            "GET", f"/api/reports/investors/{which}?merchantId={MERCHANT}", token=filled.token("investor")
        )
        assert answer.status_code == 200
        assert "customer" not in answer.text


def test_an_invitation_is_accepted_once_by_whoever_has_it(
    web: Web, clinic: Clinic, warehouse: WarehouseUnderTest
) -> None:
    clinic()
    body = {"merchantId": MERCHANT, "email": "new@clinic.example", "role": "nurse"}
    invited = web.call("POST", "/api/invitations", token=web.token(), json=body)

    accepting = {"invitation": invited.json()["invitation"]}
    first, second = (web.call("POST", "/api/invitations/accept", json=accepting) for _ in range(2))

    assert (invited.status_code, first.status_code, second.status_code) == (201, 200, 403)
    assert first.json() == {"merchant_id": MERCHANT, "role": "nurse"}
    assert accepting["invitation"].split("_", 2)[2] not in warehouse.everything(but="nothing")


@pytest.mark.parametrize(
    "query",
    [
        "merchantId=x",
        "merchantId=0",
        "merchantId=99999999999999999999",
        "",
        f"merchantId={MERCHANT}&limit=0",
        f"merchantId={MERCHANT}&cursor=zzz",
        f"merchantId={MERCHANT}&cursor=MjAyNg",
        f"merchantId={MERCHANT}&from=2026-02-30",
        f"merchantId={MERCHANT}&from=2026-03-02&to=2026-03-01",
        f"merchantId={MERCHANT}&status=%00",
        f"merchantId={MERCHANT}&order=amount",
    ],
)
def test_a_question_that_cannot_be_answered_says_what_to_type(web: Web, clinic: Clinic, query: str) -> None:
    clinic()

    answer = web.call("GET", f"/api/transactions?{query}", token=web.token())

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_input")
    assert len(answer.json()["detail"]) > 20
