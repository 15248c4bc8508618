"""Pictures and models of every merchant by the clock: ranges of partitions, one run at a time, behind all syncs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from mx_pipeline.definitions import defs
from mx_pipeline.defs.at_night import over_all_merchants
from mx_pipeline_tests.defs.conftest import RANGE_END, RANGE_START, Clinics

SUNDAY_NIGHT = datetime(2026, 3, 1, 5, 41, tzinfo=UTC)
BY_THE_CLOCK = {
    "figures_of_the_day": ("draw_figures", "clinic_figures", "23 5 * * *"),
    "models_of_the_week": ("train_models", "category_model", "41 5 * * 0"),
}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """One that a schedule can be told of."""
    with dg.instance_for_test() as instance:
        yield instance


def night(clinics: Clinics) -> dg.ScheduleEvaluationContext:
    return dg.build_schedule_context(instance=clinics.instance, scheduled_execution_time=SUNDAY_NIGHT)


@pytest.mark.parametrize("name", BY_THE_CLOCK)
def test_every_merchant_has_its_asset_by_the_clock_though_nobody_asks(clinics: Clinics, name: str) -> None:
    job, asset, cron = BY_THE_CLOCK[name]
    schedule = defs.resolve_schedule_def(name)
    merchants = [clinics.add(1_000_000_001 + number, payments=4) for number in range(2)]
    for merchant in merchants:
        assert clinics.run(merchant).success

    asked = schedule(night(clinics))
    assert isinstance(asked, list)
    for request in asked:
        run = defs.resolve_job_def(job).execute_in_process(instance=clinics.instance, tags=request.tags)
        assert run.success

    assert (schedule.job_name, schedule.cron_schedule) == (job, cron)
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert clinics.materialized(asset) == set(merchants)


def test_each_run_is_a_range_and_no_merchant_is_in_two_or_in_none(clinics: Clinics) -> None:
    merchants = [clinics.add(1_000_000_001 + number, payments=0) for number in (4, 0, 2)]

    asked = over_all_merchants(night(clinics), merchants_per_run=2, needs="json", extra="x")

    assert isinstance(asked, list)
    ranges = [(request.tags[RANGE_START], request.tags[RANGE_END]) for request in asked]
    assert ranges == [(merchants[0], merchants[1]), (merchants[2], merchants[2])]
    assert {request.tags["mx/night"] for request in asked} == {"yes"}
    assert {int(request.tags["dagster/priority"]) for request in asked} == {-1}
    assert len({request.run_key for request in asked}) == 2


def test_it_waits_for_merchants_and_for_what_it_needs(clinics: Clinics) -> None:
    nobody = over_all_merchants(night(clinics), merchants_per_run=2, needs="json", extra="x")
    clinics.add(payments=0)
    without = over_all_merchants(night(clinics), merchants_per_run=2, needs="not_installed", extra="figures")

    assert isinstance(nobody, dg.SkipReason)
    assert isinstance(without, dg.SkipReason)
    assert "pip install 'mx_pipeline[figures]'" in str(without.skip_message)
