"""Pages are newest first, silently capped, and move under the reader when payments come in."""

import functools
import operator
from collections.abc import Callable
from typing import Any

from mx_pipeline_tests.synthetic_mx.conftest import Clinic

Make = Callable[..., Clinic]


def ids(records: list[dict[str, Any]]) -> list[int]:
    return [record["id"] for record in records]


def test_ten_records_come_when_nobody_says_how_many(clinic: Make):
    reader = clinic(payments=60).reader

    answer = reader.get("payment").json()

    assert set(answer) == {"recordCount", "records"}
    assert (answer["recordCount"], len(answer["records"])) == (60, 10)


def test_pages_add_up_to_the_whole(clinic: Make):
    reader = clinic(payments=173).reader

    pages = [ids(reader.page("payment", limit=50, offset=offset)) for offset in (0, 50, 100, 150)]

    assert [len(page) for page in pages] == [50, 50, 50, 23]
    assert functools.reduce(operator.iadd, pages, []) == ids(reader.page("payment", limit=1_000))
    assert reader.page("payment", limit=50, offset=173) == []


def test_the_newest_come_first_and_ties_go_by_id(listed: list[dict[str, Any]]):
    def key(body: dict[str, Any]) -> tuple[str, int]:
        return body["created"].removesuffix("Z").ljust(20, ".").ljust(24, "0"), body["id"]

    assert [key(b) for b in listed] == sorted((key(b) for b in listed), reverse=True)


def test_more_than_the_cap_is_never_sent_and_nobody_is_told(clinic: Make):
    scene = clinic(payments=300)
    scene.mx.behaves(scene.id, payment_page_cap=100, invoice_page_cap=70)

    assert len(scene.reader.page("payment", limit=1_000)) == 100
    assert len(scene.reader.page("invoice", limit=1_000)) == 70


def test_the_invoice_list_has_totals(clinic: Make):
    reader = clinic(payments=60).reader

    answer = reader.get("invoice", limit=60).json()

    assert set(answer) == {"recordCount", "records", "totals"}
    assert isinstance(answer["totals"]["grandTotalAmount"], str)


def test_payments_that_come_in_after_a_page_push_the_next_page_down(clinic: Make):
    scene = clinic(payments=100)
    before = ids(scene.reader.page("payment", limit=100))
    scene.mx.behaves(scene.id, drift_after_calls=2, drift_payments=7)

    pages = [scene.reader.get("payment", limit=30, offset=30 * n).json() for n in range(4)]

    assert [page["recordCount"] for page in pages] == [100, 100, 107, 107]
    assert ids(pages[2]["records"])[:7] == before[53:60]
    assert len(scene.reader.page("payment", limit=1_000)) == 107


def test_a_custom_range_is_cut_at_the_clinics_midnights_and_leaves_the_end_out(clinic: Make):
    scene = clinic(payments=0, timezone="America/Los_Angeles")
    times = ["2025-10-10T06:59:59Z", "2025-10-10T07:00:00Z", "2025-10-11T06:59:59.9Z", "2025-10-11T07:00:00Z"]
    placed = [scene.has_payment(created=time) for time in times]

    found = scene.reader.get(
        "payment", dateType="Custom", startDate="10/10/2025", endDate="10/11/2025"
    ).json()

    assert found["recordCount"] == 2
    assert ids(found["records"]) == [placed[2], placed[1]]


def test_a_range_without_its_date_type_is_ignored(clinic: Make):
    reader = clinic(payments=40).reader

    assert reader.get("payment", startDate="1/1/2020", endDate="1/2/2020").json()["recordCount"] == 40


def test_the_created_filter_does_nothing_unless_told_to(clinic: Make):
    scene = clinic(payments=200)
    day = scene.reader.page("payment", limit=1)[0]["created"][:10]
    assert scene.reader.get("payment", created=day).json()["recordCount"] == 200

    scene.mx.behaves(scene.id, created_filter="equality")
    found = scene.reader.get("payment", created=day, limit=1_000).json()

    assert 0 < found["recordCount"] == len(found["records"]) < 20
    assert {body["created"][:10] for body in found["records"]} == {day}


def test_invoice_ids_are_in_the_list_only_when_told_to(clinic: Make):
    scene = clinic(payments=50)
    assert not any("invoiceIds" in body for body in scene.reader.page("payment", limit=50))

    scene.mx.behaves(scene.id, list_invoice_ids=True)

    assert any("invoiceIds" in body for body in scene.reader.page("payment", limit=50))
