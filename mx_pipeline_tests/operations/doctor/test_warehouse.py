"""`mx-pipeline doctor`, the warehouse: each misconfiguration is planted for real, and told with what to do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from mx_pipeline.sealing import SealingKey
from mx_pipeline.warehouse.migrations import checksum
from mx_pipeline.worker.doorbell import Doorbell
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.operations.conftest import Here
from mx_pipeline_tests.operations.doctor.patient import Patient, failing


def test_a_well_installation_has_no_failing_line_and_one_line_a_check(
    patient: Patient, in_this_process: Callable[[CommandLine], Here], warehouse: WarehouseUnderTest
) -> None:
    ear, mouth = os.pipe()
    with Doorbell(warehouse.logins.url("mx_dispatcher")) as bell:
        bell.wait(ear, at_most=0)
        ran = in_this_process(patient.shell)("doctor")
        findings = patient.findings()

    assert ran.code == 0, ran.out
    assert {verdict for verdict, _ in findings.values()} == {"ok"}
    assert len(ran.out.splitlines()) == len(findings) >= 17
    os.close(ear)
    os.close(mouth)


def test_1_a_schema_that_is_behind_and_a_migration_that_was_edited(
    patient: Patient, warehouse: WarehouseUnderTest
) -> None:
    warehouse.damage("UPDATE mx.alembic_version SET version_num = '0001'")
    behind = failing(patient.findings())["schema"]
    warehouse.damage("UPDATE mx.migration_checksums SET checksum = 'x' WHERE number = '0003'")
    edited = failing(patient.findings())["schema"]
    warehouse.damage(
        "UPDATE mx.migration_checksums SET checksum = :right WHERE number = '0003'", right=checksum("0003")
    )

    assert "at migration 0001" in behind
    assert "mx-pipeline migrate" in behind
    assert "migration 0003 was edited" in edited


def test_2_tables_and_views_that_do_not_keep_tenants_apart(
    patient: Patient, warehouse: WarehouseUnderTest
) -> None:
    warehouse.damage("ALTER TABLE mx.payments NO FORCE ROW LEVEL SECURITY")
    warehouse.damage("CREATE TABLE mx.imported (merchant_id bigint NOT NULL)")
    warehouse.damage("ALTER TABLE mx.imported ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    warehouse.damage("GRANT SELECT ON mx.imported TO mx_app")
    warehouse.damage("CREATE VIEW mx.everything AS SELECT * FROM mx.payments")

    found = failing(patient.findings())

    assert "mx.payments: row-level security is not forced" in found["tenants"]
    assert "mx.imported: no restrictive policy for mx_app" in found["tenants"]
    assert "mx.everything" in found["views"]
    assert "security_invoker" in found["views"]


@pytest.mark.parametrize(
    ("planted", "undone", "told"),
    [
        (
            "ALTER ROLE mx_app BYPASSRLS",
            "ALTER ROLE mx_app NOBYPASSRLS",
            "mx_app bypasses row-level security",
        ),
        (
            "GRANT mx_owner TO mx_loader",
            "REVOKE mx_owner FROM mx_loader",
            "mx_loader is a member of mx_owner",
        ),
    ],
)
def test_3_a_login_that_row_level_security_does_not_bind(
    patient: Patient, warehouse: WarehouseUnderTest, planted: str, undone: str, told: str
) -> None:
    warehouse.damage(planted)
    try:
        found = failing(patient.findings())
    finally:
        warehouse.damage(undone)

    assert told in found["roles"]
    assert "REVOKE mx_owner" in found["roles"]
    assert "bypasses row-level security" in found["logins"]  # and no process of ours works with it


def test_4_another_sealing_key(patient: Patient, warehouse: WarehouseUnderTest) -> None:
    found = failing(patient.findings(MX_SEALING_KEY=SealingKey.generate().to_base64()))

    assert f"sealed with key {warehouse.logins.key.key_id}, which is not here" in found["sealing key"]
    assert "MX_SEALING_KEY" in found["logins"]


def test_5_the_sealing_key_of_make_up_with_a_production_merchant(
    patient: Patient, warehouse: WarehouseUnderTest
) -> None:
    home = Path(patient.shell.environment["MX_HOME"])
    (home / "sealing_key").write_text(warehouse.logins.key.to_base64() + "\n", encoding="ascii")
    before = patient.findings()["sealing key"]
    warehouse.has_merchant(MERCHANT + 1, environment="production")

    verdict, told = patient.findings()["sealing key"]

    assert before[0] == "ok"
    assert verdict == "warn"
    assert "keys rotate" in told
