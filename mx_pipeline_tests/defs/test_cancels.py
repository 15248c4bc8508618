"""What a person cancels while it waits for a worker is cancelled on both sides, and nothing tries it again."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.tags import RETRY_NUMBER_TAG

from mx_pipeline.access import OPERATOR
from mx_pipeline.definitions import defs
from mx_pipeline.defs.sensors import sync_requests
from mx_pipeline.warehouse.cancelling import cancel
from mx_pipeline.warehouse.requests import get_request
from mx_pipeline_tests.defs.conftest import Clinics
from mx_pipeline_tests.defs.test_sensors import ALFA, BRAVO, asked, launched, tick

ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("mx_pipeline"), "__repository__"), "sync_merchant"
)
CANCELED, QUEUED = dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.QUEUED


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """With a queue, as deployments have."""
    queue = {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator"}
    with dg.instance_for_test(overrides={"run_coordinator": queue}) as instance:
        yield instance


def queued(clinics: Clinics, merchant_id: int) -> tuple[int, dg.DagsterRun]:
    """A request, and the run that the sensor launched for it, which nobody has begun."""
    request_id = asked(clinics, merchant_id)
    (wanted,) = launched(tick(sync_requests, clinics.instance))
    run = clinics.instance.create_run_for_job(
        defs.resolve_job_def("sync_merchant"),
        status=QUEUED,
        remote_job_origin=ORIGIN,
        tags={**wanted.tags, "dagster/partition": str(merchant_id)},
    )
    return request_id, run


def cancelled_by_a_person(clinics: Clinics, merchant_id: int, request_id: int) -> None:
    with clinics.warehouse.app.merchant(merchant_id, person=OPERATOR) as tenant:
        cancel(tenant, request_id, by="user:pat")


def status_of(clinics: Clinics, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = clinics.instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_terminate_on_a_run_that_nobody_has_begun_cancels_its_request(clinics: Clinics) -> None:
    clinics.add(payments=0)
    request_id, run = queued(clinics, ALFA)

    clinics.instance.run_coordinator.cancel_run(run.run_id)
    clinics.warehouse.damage("UPDATE mx.sync_requests SET launched_at = now() - interval '1 hour'")
    again = launched(tick(sync_requests, clinics.instance))

    assert again == []
    with clinics.warehouse.app.merchant(ALFA, person=OPERATOR) as tenant:
        answered = get_request(tenant, request_id)
    assert (answered.status, answered.outcome) == ("done", "cancelled")


def test_a_cancelled_request_ends_its_run_in_the_queue_and_no_other(clinics: Clinics) -> None:
    for merchant_id in (ALFA, BRAVO):
        clinics.add(merchant_id, payments=0)
    (cancelled, ended), (_, waits) = queued(clinics, ALFA), queued(clinics, BRAVO)

    cancelled_by_a_person(clinics, ALFA, cancelled)
    tick(sync_requests, clinics.instance)

    assert (status_of(clinics, ended), status_of(clinics, waits)) == (CANCELED, QUEUED)
    left = "SELECT count(*) FROM mx.sync_requests WHERE outcome = 'cancelled' AND launched_at IS NOT NULL"
    assert clinics.warehouse.value(left) == 0, "each is looked at once"


def test_a_run_that_begins_all_the_same_ends_as_cancelled_and_so_does_its_retry_but_not_a_person_s(
    clinics: Clinics,
) -> None:
    partition = clinics.add()
    request_id = asked(clinics, int(partition))
    cancelled_by_a_person(clinics, int(partition), request_id)

    run = clinics.run(partition, tags={"mx/request": str(request_id)})
    retry = clinics.run_again(run, **{RETRY_NUMBER_TAG: "1"})
    calls = clinics.mx.call_count(int(partition))
    by_hand = clinics.run_again(run)

    assert status_of(clinics, run.dagster_run) == CANCELED
    assert retry[-1].event_type_value == "PIPELINE_CANCELED"
    assert calls == 0
    assert by_hand[-1].event_type_value == "PIPELINE_SUCCESS"
