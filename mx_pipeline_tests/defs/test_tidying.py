"""What was kept long enough goes; payments, their history, the newest certificate and the audit chain stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from mx_pipeline.definitions import defs
from mx_pipeline.defs.tidying import OP
from mx_pipeline.warehouse.audit_chain import verify
from mx_pipeline_tests.defs.conftest import Clinics
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

GOES = ("webhook_inbox", "api_usage", "sync_runs", "sync_requests", "certificates")
OTHER = MERCHANT + 1


def counted(warehouse: WarehouseUnderTest) -> dict[str, int]:
    tables = [name for (name,) in warehouse.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'mx'")]
    return {name: warehouse.value(f"SELECT count(*) FROM mx.{name}") for name in tables}


def tidied(clinics: Clinics, *, days: int) -> dg.ExecuteInProcessResult:
    now = (datetime.now(UTC) + timedelta(days=days)).isoformat()
    return defs.resolve_job_def("tidy_up").execute_in_process(
        instance=clinics.instance, run_config={"ops": {OP: {"config": {"now": now}}}}
    )


def test_each_kind_is_kept_for_its_own_time_and_what_is_proven_stays(
    clinics: Clinics, warehouse: WarehouseUnderTest
) -> None:
    for merchant_id in (MERCHANT, OTHER):
        partition = clinics.add(merchant_id, payments=5)
        assert all(clinics.run(partition).success for _ in range(3))
        warehouse.damage(
            "INSERT INTO mx.webhook_inbox (merchant_id, body_hash, event, kind, names, names_another,"
            " handled_at, outcome)"
            " SELECT :at, sha256(convert_to(n::text, 'UTF8')), 'x', 'nothing', 'x', false,"
            " CASE WHEN n = 1 THEN now() END, CASE WHEN n = 1 THEN 'ignored' END FROM generate_series(1, 2) AS n",
            at=merchant_id,
        )
    before = counted(warehouse)
    runs_before = clinics.instance.get_runs_count()

    assert tidied(clinics, days=29).success
    at_29 = counted(warehouse)
    runs_at_29 = clinics.instance.get_runs_count()
    assert tidied(clinics, days=31).success
    at_31 = counted(warehouse)
    runs_at_31 = clinics.instance.get_runs_count()
    assert tidied(clinics, days=500).success
    at_500 = counted(warehouse)

    assert at_29 == before
    assert runs_at_29 == runs_before + 1
    assert at_31 == {**before, "webhook_inbox": 2}  # those that nobody has handled wait on
    assert runs_at_31 == 1  # the tidying itself
    assert at_500["api_usage"] == 0
    assert at_500["sync_runs"] < before["sync_runs"]
    assert at_500["sync_requests"] < before["sync_requests"]
    assert {name: rows for name, rows in at_500.items() if name not in GOES} == {
        name: rows for name, rows in before.items() if name not in GOES
    }
    newest = warehouse.rows(
        "SELECT merchant_id, stream, count(*), max(verdict) FROM mx.certificates GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert newest == [
        (merchant_id, stream, 1, "agrees")
        for merchant_id in (MERCHANT, OTHER)
        for stream in ("invoices", "payments")
    ]
    with warehouse.auditor.everyone() as session:
        assert verify(session).findings == ()
