"""What the catalog shows, and that it can be shown before anything is set up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import yaml

from mx_pipeline.definitions import defs
from mx_pipeline.warehouse.dictionary import tables
from mx_pipeline_tests.defs.conftest import ASSETS
from mx_pipeline_tests.fakes.warehouse_under_test import WarehouseUnderTest

PROJECT = Path(__file__).parents[2]
UPSTREAM = {
    "payments": {"mx_merchant/payment"},
    "invoice_map": {"mx/payments", "mx_merchant/invoice"},
    "invoice_details": {"mx/invoice_map", "mx/payments", "mx_merchant/invoice"},
    "enriched_transactions": {"mx/payments", "mx/invoice_details", "mx/invoice_map"},
    "clinic_figures": {"mx/enriched_transactions"},
}
DESCRIBED = (
    "payments",
    "payment_people",
    "invoice_map",
    "invoice_documents",
    "invoice_purchases",
    "enriched_transactions",
)


def test_they_load_without_any_environment() -> None:
    program = "import dagster as dg; from mx_pipeline.definitions import defs; dg.Definitions.validate_loadable(defs)"
    bare = {"PATH": os.environ["PATH"], "MX_HOME": "/nowhere"}

    loaded = subprocess.run(
        [sys.executable, "-c", program], env=bare, cwd=PROJECT, capture_output=True, text=True
    )

    assert loaded.returncode == 0, loaded.stderr
    assert "Warning" not in loaded.stderr


def test_the_lineage_begins_at_mx_merchant() -> None:
    graph = defs.resolve_asset_graph()

    for asset, parents in UPSTREAM.items():
        node = graph.get(dg.AssetKey(["mx", asset]))
        assert {key.to_user_string() for key in node.parent_keys} == parents
    assert graph.get(dg.AssetKey(["mx_merchant", "payment"])).is_external


def test_every_asset_says_what_a_row_is_and_what_each_column_means() -> None:
    for asset in ASSETS:
        spec = defs.resolve_asset_graph().get(dg.AssetKey(["mx", asset]))
        schema = spec.metadata["dagster/column_schema"]
        assert str(spec.description).startswith("One row per ")
        assert spec.metadata["dagster/table_name"].startswith("mx.")
        assert schema.columns
        assert all(column.description for column in schema.columns)


def test_the_dictionary_is_what_the_database_itself_says(warehouse: WarehouseUnderTest) -> None:
    rows = warehouse.rows(
        """SELECT class.relname AS table_name, attribute.attname AS name, attribute.attnotnull AS never_null,
                  col_description(class.oid, attribute.attnum) AS meaning
             FROM pg_class AS class
             JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid
            WHERE class.relnamespace = 'mx'::regnamespace AND class.relname = ANY (:tables)
              AND attribute.attnum > 0 AND NOT attribute.attisdropped
            ORDER BY class.relname, attribute.attnum""",
        tables=list(DESCRIBED),
    )
    in_database = {(row.table_name, row.name): (row.meaning, row.never_null) for row in rows}

    on_the_page = {
        (table, column.name): (column.meaning, not column.is_nullable)
        for table in DESCRIBED
        for column in tables()[table].columns
    }

    assert on_the_page == in_database
    assert all(meaning for meaning, _ in on_the_page.values())


def test_backfills_take_many_merchants_in_one_run() -> None:
    node = defs.resolve_asset_graph().get(dg.AssetKey(["mx", "payments"]))

    assert node.backfill_policy == dg.BackfillPolicy.multi_run(100)
    assert isinstance(node.partitions_def, dg.DynamicPartitionsDefinition)


def test_the_workspace_names_the_module_that_defines_everything() -> None:
    workspace = yaml.safe_load((PROJECT / "workspace.yaml").read_text())

    assert workspace == {
        "load_from": [
            {"python_module": {"module_name": "mx_pipeline.definitions", "location_name": "mx_pipeline"}}
        ]
    }
