"""A merchant is its inputs: the same ones give the same bytes, on another server and after the same days."""

from datetime import date

from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline_tests.synthetic_mx.client import Reader

ID = 1_000_000_007
ASKED = ["payment?limit=300", "invoice?limit=300", "payment?limit=20&offset=250"]


def bodies(*, days: int = 0, **inputs: object) -> list[bytes]:
    with SyntheticMx.in_thread() as mx:
        reader = Reader(mx, mx.add_merchant(ID, **{"payments": 300, **inputs}))
        mx.advance(days=days)
        answers = [reader.get(path).content for path in ASKED]
        newest = reader.page("payment", limit=40)
        answers += [reader.get(f"payment/{payment['id']}").content for payment in newest]
        answers += [reader.get(f"invoice/{one['id']}").content for one in reader.page("invoice", limit=40)]
        reader.close()
        return answers


def test_the_same_inputs_give_the_same_bytes():
    assert bodies() == bodies()


def test_the_same_days_lead_to_the_same_bytes():
    assert bodies(days=4) == bodies(days=4)


def test_every_input_matters():
    usual = bodies()

    assert bodies(seed=2) != usual
    assert bodies(timezone="Asia/Tokyo") != usual
    assert bodies(as_of=date(2025, 6, 1)) != usual
    assert bodies(days=1) != usual


def test_a_million_payments_are_there_at_once():
    with SyntheticMx.in_thread() as mx:
        reader = Reader(mx, mx.add_merchant(ID, payments=1_000_000, days=365))

        first = reader.get("payment", limit=1).json()
        middle = reader.page("payment", limit=3, offset=500_000)
        oldest = reader.page("payment", limit=10, offset=999_995)

        assert first["recordCount"] == 1_000_000
        assert len(oldest) == 5
        assert reader.get(f"payment/{middle[1]['id']}").json()["id"] == middle[1]["id"]
        reader.close()
