"""`mx-pipeline merchants remove`: nothing of the merchant is left but the record that it was here."""

from __future__ import annotations

from collections.abc import Callable

from mx_pipeline.operations.context import operator
from mx_pipeline.warehouse.audit_chain import verify
from mx_pipeline.warehouse.merchants import active_merchants
from mx_pipeline_tests.fakes.examination import all_tables, people_write
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.conftest import Here

OTHER = MERCHANT + 1


def test_a_removed_merchant_is_in_no_table_and_nobody_knows_it(
    here: Here, warehouse: WarehouseUnderTest, clinic: Callable[..., int]
) -> None:
    for merchant_id in (clinic(payments=40), clinic(OTHER, payments=30)):
        assert here("sync", merchant_id).code == 0
        people_write(warehouse, merchant_id)
    truth = {table: _count(warehouse, table, MERCHANT) for table in all_tables(warehouse)}
    others = {table: _count(warehouse, table, OTHER) for table in all_tables(warehouse)}

    told = here("merchants", "remove", MERCHANT, "--yes", "--json")

    certificate = told.answer
    del truth["audit_log"]
    assert certificate["rows"] == {
        table: rows for table, rows in sorted(truth.items()) if rows or table in certificate["rows"]
    }
    assert certificate["rows"]["mx_merchant_configs"] == 1
    assert certificate["total_rows"] == sum(truth.values()) > 100
    assert certificate["removed_by"] == operator()
    assert {t: _count(warehouse, t, MERCHANT) for t in truth} == dict.fromkeys(truth, 0)
    assert {t: _count(warehouse, t, OTHER) for t in others} == others
    assert "there is no merchant" in here("status", MERCHANT).sentence
    assert "there is no merchant" in here("sync", MERCHANT).sentence
    assert "there is no merchant" in here("merchants", "remove", MERCHANT, "--yes").sentence
    with warehouse.dispatcher.everyone() as session:
        assert active_merchants(session) == [OTHER]


def test_the_chain_of_a_removed_merchant_is_kept_and_proves_the_certificate(
    here: Here, warehouse: WarehouseUnderTest, clinic: Callable[..., int]
) -> None:
    clinic(payments=10)
    warehouse.damage("UPDATE mx.mx_merchant_configs SET name = 'Clinic Canary'")

    certificate = here("merchants", "remove", MERCHANT, "--yes", "--json").answer

    with warehouse.auditor.everyone() as session:
        verified = verify(session)
    (end,) = [end for end in verified.ends if end.merchant_id == MERCHANT]
    assert verified.findings == ()
    assert certificate["audit"] == {"entry": end.entry, "hash": end.hash}
    assert "Canary" not in warehouse.everything(but="nothing")


def test_a_removal_wants_the_name_typed(
    here: Here, shell: CommandLine, warehouse: WarehouseUnderTest, clinic: Callable[..., int]
) -> None:
    clinic()
    name = f"Clinic {MERCHANT}"

    assert "confirm at a terminal, or with --yes" in here("merchants", "remove", MERCHANT).sentence
    wrong = shell.on_a_terminal("merchants", "remove", MERCHANT, typed=[("Type its name", "Clinic")])
    assert (wrong.code, "nothing was erased" in wrong.err) == (2, True)
    assert warehouse.value("SELECT is_active FROM mx.mx_merchant_configs")

    right = shell.on_a_terminal("merchants", "remove", MERCHANT, typed=[("Type its name", name)])

    assert right.code == 0
    assert "its sealed API key among them" in right.out
    assert "last entry of its audit chain: 2, " in right.out
    assert warehouse.rows("SELECT FROM mx.mx_merchant_configs") == []


def test_no_role_of_a_running_process_may_erase_a_merchant(warehouse: WarehouseUnderTest) -> None:
    able = warehouse.rows(
        "SELECT role, name"
        "  FROM unnest(ARRAY['mx_app', 'mx_dispatcher', 'mx_auditor', 'mx_backup', 'mx_loader']) AS role,"
        " unnest(ARRAY['payments', 'mx_merchant_configs', 'invoice_documents', 'audit_log']) AS name"
        " WHERE has_table_privilege(role, 'mx.' || name, 'DELETE, TRUNCATE')"
    )

    assert able == []


def _count(warehouse: WarehouseUnderTest, table: str, merchant_id: int) -> int:
    return warehouse.value(f"SELECT count(*) FROM mx.{table} WHERE merchant_id = :m", m=merchant_id)
