"""Many merchants from one file: each row whole or not at all, and no key in any message."""

from __future__ import annotations

from pathlib import Path

from mx_pipeline.synthetic_mx import KeyPair, SyntheticMx
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.conftest import Here

HEADER = "merchant_id,name,environment,timezone,consumer_key,consumer_secret\n"
WRONG_KEY = "WRONGKEYWRONGKEYWRONGKEY"
SECRET = "c2VjcmV0/s+="


def test_each_row_is_checked_with_mx_and_registered_whole_or_refused_by_its_line(
    here: Here, stranger: KeyPair, warehouse: WarehouseUnderTest, tmp_path: Path
) -> None:
    good = f'{MERCHANT},"Clinic, Lakeview",sandbox,America/Chicago,{stranger.consumer_key},{stranger.consumer_secret}'
    file = tmp_path / "clinics.csv"
    file.write_text(
        HEADER
        + good
        + f"\n2,Two,sandbox,UTC,{WRONG_KEY},{SECRET}\n"
        + f"three,{WRONG_KEY},sandbox,UTC,{WRONG_KEY},{SECRET}\n"
        + f"4,Four,{SECRET},UTC,{WRONG_KEY},{SECRET}\n"
        + f"5,Five,sandbox,UTC,{WRONG_KEY}\n"
        + f"6,Six,sandbox,UTC,{WRONG_KEY},{SECRET}\n6,Six,sandbox,UTC,{WRONG_KEY},{SECRET}\n",
        encoding="utf-8",
    )

    ran = here("merchants", "import", file, "--json")
    again = here("merchants", "import", file)

    assert ran.code == 3
    assert ran.answer["added"] == 1
    assert [row["line"] for row in ran.answer["refused"]] == [3, 4, 5, 6, 7, 8]
    assert warehouse.rows("SELECT merchant_id, name FROM mx.mx_merchant_configs") == [
        (MERCHANT, "Clinic, Lakeview")
    ]
    assert warehouse.rows("SELECT merchant_id, action FROM mx.audit_log WHERE action = 'merchant.added'") == [
        (MERCHANT, "merchant.added")
    ]
    assert (again.code, "0 merchants added, 7 rows refused" in again.out) == (1, True)
    assert f"line 2: merchant {MERCHANT}: merchant {MERCHANT} is here already" in again.err
    told = ran.out + ran.err + again.out + again.err
    assert not [key for key in (WRONG_KEY, SECRET, stranger.consumer_secret) if key in told]


def test_a_file_that_is_none_of_ours_registers_nobody(
    here: Here, warehouse: WarehouseUnderTest, mx: SyntheticMx, tmp_path: Path
) -> None:
    file = tmp_path / "clinics.csv"
    file.write_text(f"{SECRET},name\n7,Seven,sandbox,UTC,{WRONG_KEY},{SECRET}\n", encoding="utf-8")
    mx.reset_calls()

    ran = here("merchants", "import", file)

    assert (ran.code, "line 1: the first line has to be merchant_id,name" in ran.sentence) == (2, True)
    assert SECRET not in ran.err
    assert mx.call_count(7) == 0
    assert warehouse.value("SELECT count(*) FROM mx.mx_merchant_configs") == 0
