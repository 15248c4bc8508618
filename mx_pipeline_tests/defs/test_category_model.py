"""The asset of suggestions: figures and a picture for each merchant, and words where there is too little."""

from __future__ import annotations

import dagster as dg

from mx_pipeline.access import OPERATOR
from mx_pipeline.definitions import defs
from mx_pipeline.warehouse.categories import set_categories
from mx_pipeline_tests.defs.conftest import RANGE_END, RANGE_START, Clinics
from mx_pipeline_tests.suggesting.shelf import a_shelf

ALFA, BRAVO = 1_000_000_001, 1_000_000_002


def test_each_merchant_of_a_run_has_its_figures_and_a_picture_or_is_told_what_is_missing(
    clinics: Clinics,
) -> None:
    clinics.add(ALFA)
    clinics.add(BRAVO)
    with clinics.warehouse.app.merchant(ALFA, person=OPERATOR) as tenant:
        set_categories(tenant, a_shelf(60), actor="operator:test")
    job = defs.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection={dg.AssetKey(["mx", "category_model"])}
    )

    run = job.execute_in_process(
        instance=clinics.instance, tags={RANGE_START: str(ALFA), RANGE_END: str(BRAVO)}, raise_on_error=False
    )

    assert run.success
    assert clinics.materialized("category_model") == {str(ALFA), str(BRAVO)}
    made = {one.partition: one.metadata for one in run.asset_materializations_for_node("category_model")}
    told = made[str(ALFA)]
    assert told["held_out_products"].value == 60
    assert told["accuracy_from"].value < told["accuracy"].value <= told["accuracy_to"].value
    assert told["always_the_commonest"].value < 0.5
    assert told["shuffled_labels"].value < 0.5
    assert len(told["coverage"].records) == 7
    assert "](data:image/png;base64," in told["confusion"].value
    assert "are too few" in made[str(BRAVO)]["learned"].value
    assert "confusion" not in made[str(BRAVO)]
