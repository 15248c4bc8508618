"""What Prometheus reads is true, names no tenant beyond what is configured, and is what the dashboard asks for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import requests

from mx_pipeline.operations.web.meters import Meters
from mx_pipeline.seeing.exposition import HELP, MetricsSettings, exposition
from mx_pipeline.seeing.serving_metrics import metrics_served
from mx_pipeline.settings import Settings
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT, WarehouseUnderTest

DASHBOARD = Path(__file__).parents[2] / "deploy" / "grafana" / "mx_pipeline.json"
A_FLEET = """
    INSERT INTO mx.sync_state (merchant_id, stream, last_outcome, last_verdict, last_success_at, quarantined)
    VALUES (:one, 'payments', 'success', 'agrees', now(), 2), (:two, 'payments', 'partial', 'differs',
            now() - interval '2 hours', 3);
    INSERT INTO mx.sync_runs (merchant_id, mode, outcome, started_at, finished_at, stats)
    VALUES (:one, 'incremental', 'success', now(), now(), '{"apiCalls": 7}'),
           (:two, 'incremental', 'partial', now(), now(), '{"apiCalls": 5}'),
           (:two, 'incremental', 'failed', now() - interval '3 hours', now() - interval '2 hours', '{}');
    INSERT INTO mx.sync_requests (merchant_id, asked_by, asked_through, mode, lane, waits_since)
    VALUES (:two, 'schedule', 'schedule', 'incremental', 2, now() - interval '100 seconds');
    INSERT INTO mx.canary (is_well, ended_at) VALUES (true, now());
    INSERT INTO mx.credential_budgets (credential, level, opened_at, last_call_at)
    VALUES ('one', 8, NULL, now()), ('two', 2, now(), now()), ('old', 99, NULL, now() - interval '2 hours')"""


def a_fleet(warehouse: WarehouseUnderTest) -> None:
    warehouse.has_merchant(MERCHANT), warehouse.has_merchant(MERCHANT + 1)
    warehouse.damage(A_FLEET, one=MERCHANT, two=MERCHANT + 1)


def values(text: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_figures_are_what_the_tables_say(warehouse: WarehouseUnderTest) -> None:
    a_fleet(warehouse)

    found = values(exposition(warehouse.dispatcher, MetricsSettings()))

    wanted = {
        "mx_up": 1, "mx_merchants_active": 2, "mx_merchants_not_certified": 1, "mx_merchants_late": 1,
        "mx_quarantined_records": 5, 'mx_runs_last_hour{outcome="success"}': 1,
        'mx_runs_last_hour{outcome="partial"}': 1,
        'mx_runs_last_hour{outcome="failed"}': 0, "mx_calls_last_hour": 12, 'mx_requests_waiting{lane="2"}': 1,
        'mx_requests_waiting{lane="1"}': 0, "mx_budget_credentials": 2, "mx_budget_level": 10, "mx_budget_lowest": 2,
        "mx_budget_broken": 1, "mx_merchants_key_refused": 0,
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == wanted
    assert 100 <= found['mx_requests_oldest_wait_seconds{lane="2"}'] < 200
    assert 7200 <= found["mx_freshness_worst_seconds"] < 7300


def test_merchants_are_named_only_as_far_as_it_is_configured(warehouse: WarehouseUnderTest) -> None:
    a_fleet(warehouse)

    unnamed = exposition(warehouse.dispatcher, MetricsSettings())
    named = exposition(warehouse.dispatcher, MetricsSettings(merchants=1))

    assert str(MERCHANT)[:9] not in unnamed
    assert "Clinic" not in named
    assert f'mx_merchant_age_seconds{{merchant="{MERCHANT + 1}"}}' in named
    assert f'"{MERCHANT}"' not in named


def test_a_port_of_its_own_serves_them_and_says_when_the_warehouse_is_away(
    database_url: str, warehouse: WarehouseUnderTest
) -> None:
    environment = {"MX_DATABASE_URL": database_url, "MX_SEALING_KEY": warehouse.logins.key.to_base64()}
    away = {**environment, "MX_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/nowhere"}

    with metrics_served(Settings.from_environment(environment), 0) as port:
        answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
        other = requests.get(f"http://127.0.0.1:{port}/", timeout=10)
    with metrics_served(Settings.from_environment(away), 0) as port:
        without = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10)

    assert (values(answer.text)["mx_up"], other.status_code) == (1, 404)
    assert (without.status_code, values(without.text)["mx_up"]) == (200, 0)
    assert values(without.text)["mx_process_memory_bytes"] > 1_000_000


def test_every_query_of_the_dashboard_names_metrics_that_are_there(warehouse: WarehouseUnderTest) -> None:
    a_fleet(warehouse)
    text = exposition(warehouse.dispatcher, MetricsSettings(merchants=5)) + Meters().as_text(streams=0)
    there = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))

    asked = [
        target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]
    ]

    assert len(asked) >= 12
    for query in asked:
        named = set(re.findall(r"\bmx_\w+", query))
        assert named
        assert named <= there, query
    assert set(HELP) <= there
