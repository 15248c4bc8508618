"""The pictures of a clinic: drawn from sums, small, and of nobody."""

from __future__ import annotations

import base64
import subprocess
import sys
from decimal import Decimal

import dagster as dg
import pytest

from mx_pipeline.defs.pictures import categories_picture, products_picture
from mx_pipeline.synthetic_mx import NAME_CANARY
from mx_pipeline_tests.defs.conftest import Clinics
from mx_pipeline_tests.fakes.true_money import true_months

FIGURES = dg.AssetKey(["mx", "clinic_figures"])
PICTURES = {
    "revenue_by_day": "Revenue by day",
    "revenue_by_category": "Revenue by category",
    "product_mix": "Product mix",
}
PNG = b"\x89PNG\r\n\x1a\n"
MOST_BYTES = 100_000


def drawn(clinics: Clinics, partition: str) -> dict[str, dg.MetadataValue]:
    event = clinics.instance.get_latest_materialization_event(FIGURES)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == partition
    return dict(event.asset_materialization.metadata)


def test_pictures_and_tables_are_drawn_of_each_merchant_and_name_nobody(clinics: Clinics) -> None:
    alfa, bravo = clinics.add(payments=60), clinics.add(1_000_000_002, payments=0)
    clinics.run(alfa)

    run = clinics.run(alfa, to=bravo, assets=["clinic_figures"])

    assert run.success
    assert clinics.materialized("clinic_figures") == {alfa, bravo}
    assert drawn(clinics, bravo).keys() == {"nothing_to_draw"}
    clinics.run(alfa, assets=["clinic_figures"])
    shown = drawn(clinics, alfa)
    for name, title in PICTURES.items():
        words = str(shown[name].value)
        head, data = words.removesuffix(")").split(";base64,")
        assert head == f"![{title}](data:image/png"
        assert base64.b64decode(data).startswith(PNG)
        assert len(words) < MOST_BYTES
    true = true_months(clinics.mx, int(alfa), "America/Chicago")
    months = {row.data["month"]: row.data for row in shown["months"].value.records}
    assert {month: Decimal(str(row["net"])) for month, row in months.items()} == {
        str(month): told["net"] for month, told in true.items()
    }
    names = [
        name
        for (name,) in clinics.warehouse.rows("SELECT DISTINCT customer_name FROM mx.payment_people")
        if name
    ]
    assert names
    assert [name for name in [*names, NAME_CANARY] if name in str(shown)] == []


def test_a_name_that_is_a_formula_a_picture_or_too_long_is_drawn_all_the_same() -> None:
    names = ["$x^{ costs $5", "Wellness 🌿 Pack", "חבילה", "x" * 300, "", *map(str, range(20))]
    rows = [
        {"product_name": name, "product_category": name, "gross": Decimal(n), "refunded": Decimal(0)}
        for n, name in enumerate(names)
    ]

    for png in (products_picture(rows), categories_picture(rows), products_picture(rows[:1])):
        assert png.startswith(PNG)
        assert len(png) < MOST_BYTES * 3 // 4


def test_what_draws_is_loaded_only_where_something_is_drawn() -> None:
    program = """import sys; from mx_pipeline.definitions import defs
sys.exit(bool({'matplotlib', 'pandas'} & set(sys.modules)))"""

    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_without_matplotlib_the_failure_says_what_to_install(
    clinics: Clinics, monkeypatch: pytest.MonkeyPatch
) -> None:
    partition = clinics.add(payments=5)
    clinics.run(partition)
    monkeypatch.delitem(sys.modules, "mx_pipeline.defs.pictures")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # so is an import refused

    run = clinics.run(partition, assets=["clinic_figures"])

    assert "pip install 'mx_pipeline[figures]'" in clinics.failure(run)
