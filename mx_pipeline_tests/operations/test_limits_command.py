"""What the syncs of a merchant may cost is set by a command, and shown by it."""

from __future__ import annotations

from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

SET = ("merchants", "set", MERCHANT)


def test_limits_are_set_and_shown(here: Here, warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()

    ran = here(*SET, "--calls-in-flight", 4, "--calls-per-second", "2.5", "--delay", "0.1", "--quota", "5000",
               "--interval", "30")  # fmt: skip
    moved = here(*SET, "--timezone", "Asia/Tokyo", "--calls-per-second", "none")
    listed = here("merchants", "list", "--json").answer["merchants"]
    again = here(*SET, "--interval", "none")

    assert (ran.code, moved.code) == (0, 0)
    assert ran.out == (
        f"merchant {MERCHANT}: 4 calls at once, 2.5 a second, 0.1 s between two, 5000 a day; "
        "synced every 30 min; its days begin in America/Chicago\n"
    )
    assert moved.out == (
        f"merchant {MERCHANT}: 4 calls at once, any number a second, 0.1 s between two, 5000 a day; "
        "synced every 30 min; its days begin in Asia/Tokyo\n"
    )
    assert [merchant["interval_minutes"] for merchant in listed] == [30]
    assert "synced as the schedule says" in again.out


OUT_OF_RANGE = (
    ("--calls-in-flight", "0"),
    ("--calls-in-flight", "33"),
    ("--calls-per-second", "0"),
    ("--calls-per-second", "nan"),
    ("--calls-per-second", "fast"),
    ("--delay", "-1"),
    ("--delay", "inf"),
    ("--quota", "0"),
    ("--quota", "1.5"),
    ("--quota", "99999999999"),
    ("--interval", "0"),
    ("--interval", "10081"),
    ("--interval", "30m"),
    ("--timezone", "Mars/Olympus"),
)


def test_what_is_out_of_range_changes_nothing(here: Here, warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant()
    row = "SELECT t::text FROM mx.mx_merchant_configs AS t"
    before = warehouse.value(row)

    codes = [here(*SET, *option).code for option in OUT_OF_RANGE]

    assert codes == [2] * len(OUT_OF_RANGE)
    assert warehouse.value(row) == before


def test_a_merchant_that_is_not_here_is_named(here: Here) -> None:
    ran = here(*SET, "--quota", "10")

    assert ran.code != 0
    assert str(MERCHANT) in ran.err
