"""The canary goes the way of every clinic, and says so when it cannot, or when it can go where it must not."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from mx_pipeline.defs.canary import canary, every_quarter
from mx_pipeline.errors import BadSettings
from mx_pipeline.seeing.exposition import MetricsSettings, exposition
from mx_pipeline.settings import CANARY, NEIGHBOUR, Settings
from mx_pipeline.warehouse.alerts import troubles
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT
from mx_pipeline_tests.operations.commands import CommandLine
from mx_pipeline_tests.worker.conftest import Deployment

KINDS = "SELECT merchant_id AS whose, count(*) AS payments FROM mx.payments GROUP BY 1"
WORD = """SELECT payload ->> 'clientReference' FROM mx.payments WHERE merchant_id = :canary
           ORDER BY mx_payment_id DESC LIMIT 1"""


def test_it_goes_all_the_way_and_finds_an_open_door(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    deployment.add()
    deployment.environment |= {
        "MX_CANARY_URL": f"http://127.0.0.1:{unused_port}",
        "MX_PUBLIC_URL": deployment.serve().url,
    }
    deployment.work(children=2)
    shell = CommandLine(deployment.environment)

    first = shell("canary", "--json")
    assert (first.code, first.answer["failed"]) == (0, None)
    first_word = _word(deployment)
    for name, value in deployment.environment.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        second = canary.execute_in_process(instance=instance)
        payments_of_a_day, second_word = _payments(deployment), _word(deployment)
        deployment.warehouse.damage(
            "UPDATE mx.mx_merchant_configs SET created_at = created_at - interval '1 day' WHERE merchant_id = :m",
            m=CANARY,
        )
        third = canary.execute_in_process(instance=instance)
    well = exposition(deployment.warehouse.dispatcher, MetricsSettings())
    deployment.warehouse.damage(
        "INSERT INTO mx.user_tenant_permissions (merchant_id, user_id, role)"
        " SELECT :neighbour, id, 'viewer' FROM mx.users WHERE email LIKE 'canary@%'",
        neighbour=NEIGHBOUR,
    )
    opened = shell("canary", "--json")
    with deployment.warehouse.dispatcher.everyone() as session:
        told = [row.kind for row in troubles(session)]
    ill = exposition(deployment.warehouse.dispatcher, MetricsSettings())

    assert list(first.answer["seconds"]) == ["set up", "sync of the neighbour", "sync", "compare", "doors"]
    assert second.success
    assert third.success
    assert payments_of_a_day[CANARY] == payments_of_a_day[NEIGHBOUR], "what a look brings is no row"
    assert _payments(deployment) == payments_of_a_day | {CANARY: payments_of_a_day[CANARY] + 1}, (
        "a day brings one"
    )
    assert len({first_word, second_word, _word(deployment)}) == 3, "each look brings another"
    assert "mx_canary_well 1" in well
    assert opened.code == 1
    assert opened.answer["failed"].startswith(
        "doors: a door between two merchants is open: a transaction inside"
    )
    assert "canary" in told
    assert "mx_canary_well 0" in ill
    active = deployment.warehouse.rows("SELECT merchant_id FROM mx.mx_merchant_configs WHERE is_active")
    assert [row.merchant_id for row in active] == [MERCHANT], "nobody asks a vendor that is not there"


def test_without_a_worker_it_fails_and_says_what_to_look_for(
    deployment: Deployment, unused_port: int
) -> None:
    shell = CommandLine(deployment.environment).but(MX_CANARY_URL=f"http://127.0.0.1:{unused_port}")

    failed, off = shell("canary", "--patience", "1"), shell.but(MX_CANARY_URL=None)("canary")

    assert failed.code == 1
    assert "is a worker up, on this machine" in failed.out
    assert (off.code, "MX_CANARY_URL is not set" in off.err) == (2, True)


def test_the_clock_asks_for_it_only_where_it_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MX_CANARY_URL", raising=False)
    without = every_quarter(dg.build_schedule_context())
    monkeypatch.setenv("MX_CANARY_URL", "http://127.0.0.1:8199")
    with_it = every_quarter(dg.build_schedule_context(scheduled_execution_time=datetime.now(UTC)))

    assert isinstance(without, dg.SkipReason)
    assert isinstance(with_it, dg.RunRequest)


def _payments(deployment: Deployment) -> dict[int, int]:
    return {row.whose: row.payments for row in deployment.warehouse.rows(KINDS)}


def _word(deployment: Deployment) -> str:
    """What the newest payment of the canary says."""
    return str(deployment.warehouse.value(WORD, canary=CANARY))


@pytest.mark.parametrize(
    "url",
    ["https://mx.example", "http://10.0.0.1:80", "http://127.0.0.1", "http://u:p@127.0.0.1:81", "file:///x"],
)
def test_s17_its_vendor_is_of_this_machine_alone(url: str) -> None:
    with pytest.raises(BadSettings, match="MX_CANARY_URL"):
        Settings.from_environment({"MX_CANARY_URL": url})
