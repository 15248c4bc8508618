"""`mx-pipeline doctor`, what is around the warehouse: planted for real, and told with what to do."""

from __future__ import annotations

import base64
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from mx_pipeline.synthetic_mx import SyntheticMx
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest
from mx_pipeline_tests.isolation.pooler import pooled
from mx_pipeline_tests.local.throwaway_postgres import throwaway_postgres
from mx_pipeline_tests.mx_api.test_tls import a_server
from mx_pipeline_tests.mx_api.vendor import Vendor
from mx_pipeline_tests.operations.doctor.patient import PROJECT, Patient, closed_port, failing


def test_6_a_vendor_that_is_not_reached_not_trusted_or_refuses_a_key(
    patient: Patient, warehouse: WarehouseUnderTest, mx: SyntheticMx, tmp_path: Path
) -> None:
    mx.reset_calls()
    warehouse.damage("UPDATE mx.mx_merchant_configs SET credentials_refused_at = now()")
    with Vendor(tls=a_server(tmp_path)) as stranger:
        untrusted = failing(patient.findings(MX_SANDBOX_URL=stranger.url))
    unreached = failing(patient.findings(MX_SANDBOX_URL=f"https://127.0.0.1:{closed_port()}"))

    assert "not to be trusted" in untrusted["MX sandbox"]
    assert "MX_SANDBOX_URL" in unreached["MX sandbox"]
    assert str(MERCHANT) in untrusted["merchants' keys"]
    assert "set-key" in untrusted["merchants' keys"]
    assert patient.findings()["MX sandbox"][0] == "ok"
    assert mx.call_count() == 0


def test_7_dagsters_database_away_or_the_warehouse_itself(patient: Patient) -> None:
    away = failing(
        patient.findings(DAGSTER_PG_URL=f"postgresql://d:hush-hush@127.0.0.1:{closed_port()}/dagster")
    )
    unset = failing(patient.findings(DAGSTER_PG_URL=None))
    same = failing(patient.findings(DAGSTER_PG_URL=patient.shell.environment["MX_DATABASE_URL"]))

    assert "DAGSTER_PG_URL" in away["Dagster's database"]
    assert "hush" not in str(away)
    assert "DAGSTER_PG_URL" in unset["Dagster's database"]
    assert "is the warehouse itself" in same["Dagster's database"]


def test_8_another_dagster_yaml_and_a_daemon_that_is_gone_with_nobody_left_to_answer(
    patient: Patient, warehouse: WarehouseUnderTest, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "dagster-home"
    elsewhere.mkdir()
    missing = failing(patient.findings(DAGSTER_HOME=str(elsewhere)))
    decided = (PROJECT / "dagster.yaml").read_text(encoding="utf-8")
    changed = decided.replace("retry_on_asset_or_op_failure: false", "retry_on_asset_or_op_failure: true")
    (elsewhere / "dagster.yaml").write_text(
        changed.replace("PooledPostgresStorage", "Other"), encoding="utf-8"
    )
    differs = failing(patient.findings(DAGSTER_HOME=str(elsewhere)))
    well = patient.findings()["workers"]
    patient.ask_dagster("UPDATE daemon_heartbeats SET timestamp = timestamp - interval '5 minutes'")
    warehouse.damage(
        "INSERT INTO mx.sync_requests (merchant_id, asked_by, asked_through, lane, mode, waits_since)"
        " VALUES (:merchant, 'operator:x', 'api', 1, 'incremental', now() - interval '2 minutes')",
        merchant=MERCHANT,
    )
    gone = failing(patient.findings())

    assert "DAGSTER_HOME" in missing["dagster.yaml"]
    assert "run_retries.retry_on_asset_or_op_failure is True" in differs["dagster.yaml"]
    assert "storage.custom.class is 'Other'" in differs["dagster.yaml"]
    assert well[0] == "warn"  # no worker, and a daemon
    assert "dagster-daemon run" in gone["Dagster's daemon"]
    assert "nobody answers a request" in gone["workers"]
    assert "1 wait too long" in gone["requests"]


def test_9_clocks_apart_and_a_time_zone_that_postgres_does_not_know(
    patient: Patient, warehouse: WarehouseUnderTest
) -> None:
    warehouse.damage("UPDATE mx.mx_merchant_configs SET timezone = 'Mars/Olympus'")
    program = (
        "import sys; from mx_pipeline.operations.doctor import of_database;"
        "from mx_pipeline_tests.fakes.wrong_clock import set_wall_clock; set_wall_clock(600);"
        "from mx_pipeline.operations.command_line import main; sys.argv = ['mx-pipeline', 'doctor']; main()"
    )

    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=patient.shell.environment, cwd=PROJECT, capture_output=True, text=True, timeout=30,
    )  # fmt: skip

    assert ran.returncode == 1, ran.stderr
    lines = {line[6:24].strip(): line for line in ran.stdout.splitlines()}
    assert lines["clock"].startswith("fail")
    assert "NTP" in lines["clock"]
    assert "Mars/Olympus" in lines["time zones"]


def test_10_too_few_connections(patient: Patient, warehouse: WarehouseUnderTest) -> None:
    name = make_url(patient.shell.environment["MX_DATABASE_URL"]).database
    warehouse.damage(f"ALTER DATABASE {name} CONNECTION LIMIT 60")
    limited = failing(patient.findings())["connections"]
    with throwaway_postgres(max_connections="30") as small:
        url = small.create_database("empty")
        found = failing(patient.findings(MX_DATABASE_URL=url))

    assert "room for 60, and 96 are needed" in limited
    assert "max_connections" in found["connections"]
    assert "mx-pipeline migrate" in found["schema"]


@pytest.mark.system
def test_a_pooler_in_transaction_mode_without_an_address_past_it(
    patient: Patient, warehouse: WarehouseUnderTest
) -> None:
    with pooled(warehouse.logins) as behind:
        roles = {
            f"{role.upper()}_DATABASE_URL": url.render_as_string(hide_password=False)
            for role, url in behind.overrides.items()
        }
        found = failing(patient.findings(**roles))
        direct = warehouse.logins.url(DISPATCHER_ROLE).render_as_string(hide_password=False)
        past_it = patient.findings(**roles, MX_LISTEN_DATABASE_URL=direct)

    assert "MX_LISTEN_DATABASE_URL" in found["bell"]
    assert past_it["bell"][0] == "ok"


def test_what_hangs_is_a_line_of_its_own_and_ends_in_time(patient: Patient) -> None:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://a:a@127.0.0.1:{silent.getsockname()[1]}/db"
        found = failing(patient.findings(MX_DATABASE_URL=url, DAGSTER_PG_URL=url))

    assert {"database", "Dagster's database", "workers"} <= found.keys()


def test_what_the_environment_lacks_is_one_line(patient: Patient) -> None:
    without = patient.findings(MX_SEALING_KEY=None)
    wrong = patient.findings(MX_SEALING_KEY=base64.b64encode(b"short").decode())

    assert "MX_SEALING_KEY is not set" in failing(without)["settings"]
    assert "MX_SEALING_KEY" in failing(wrong)["settings"]


def test_what_is_told_to_whom_is_looked_at(patient: Patient) -> None:
    closed = closed_port()
    away = failing(
        patient.findings(
            MX_ALERT_URL=f"http://127.0.0.1:{closed}/hook-of-a-secret-place",
            MX_REDIS_URL=f"redis://:hush-hush@127.0.0.1:{closed}/0",
            MX_METRICS_MERCHANTS="many",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{closed}",
        )
    )
    bad = failing(patient.findings(MX_ALERT_URL="http://elsewhere.example/hook"))
    refused = {
        name: patient.shell.but(**{name: value})("doctor")
        for name, value in (
            ("MX_REDIS_URL", "http://127.0.0.1:6379"),
            ("MX_LOG_FORMAT", "xml"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        )
    }

    assert away.keys() >= {"alerts", "metrics", "traces", "Redis"}
    assert "mend MX_ALERT_URL" in away["alerts"]
    assert "mend MX_REDIS_URL" in away["Redis"]
    assert "MX_METRICS_MERCHANTS must be a number" in away["metrics"]
    assert "mend OTEL_EXPORTER_OTLP_ENDPOINT" in away["traces"]
    assert not [secret for secret in ("hush", "secret-place") if secret in str(away)]
    assert "MX_ALERT_URL must be https://" in bad["alerts"]
    assert {
        name: ran.code > 0 and f"{name} must" in ran.out + ran.err for name, ran in refused.items()
    } == dict.fromkeys(refused, True)
