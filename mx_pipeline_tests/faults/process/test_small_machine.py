"""Little memory, no room for logs, nobody at the other end of stdout: a sync goes on."""

from __future__ import annotations

import pytest

from mx_pipeline.sync.orders import Phase
from mx_pipeline_tests.fakes.examination import Examination
from mx_pipeline_tests.fakes.syncing_process import Job, SyncingProcess
from mx_pipeline_tests.fakes.warehouse_under_test import MERCHANT

MEGABYTE_IN_KB = 1024


@pytest.mark.begins_early
@pytest.mark.timeout(170)
def test_p15_a_first_load_of_100_000_payments_stays_below_256_mb(examination: Examination) -> None:
    clinic = examination.clinic(payments=100_000)
    phases = frozenset({Phase.PAYMENTS})

    told = SyncingProcess(Job(clinic.warehouse.logins, clinic.mx.url, MERCHANT, phases=phases)).ended(160)

    assert told is not None
    assert told["outcome"] == "success", told["message"]
    assert told["peak_kb"] < 256 * MEGABYTE_IN_KB
    assert told["peak_kb"] - told["idle_kb"] < 100 * MEGABYTE_IN_KB
    assert clinic.rows("SELECT count(*) FROM mx.payments WHERE merchant_id = :m", m=MERCHANT) == [(100_000,)]
    examination.all_holds(clinic)


def test_p19_full_log_disk_closed_stdout_no_temporary_files(examination: Examination) -> None:
    clinic = examination.clinic(payments=120)

    told = SyncingProcess(
        Job(clinic.warehouse.logins, clinic.mx.url, MERCHANT, is_deaf_and_dumb=True)
    ).ended()

    assert told is not None
    assert told["outcome"] == "success", told["message"]
    assert clinic.differences() == []
    examination.all_holds(clinic)
    examination.changes_nothing(clinic)
