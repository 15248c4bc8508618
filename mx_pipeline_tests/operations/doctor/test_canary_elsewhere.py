"""The canary's vendor is a port of one machine: whoever answers from another cannot reach it."""

from __future__ import annotations

from mx_pipeline.operations.doctor.findings import Verdict
from mx_pipeline.operations.doctor.of_answering import reached_by_all
from mx_pipeline_tests.operations.doctor.patient import Patient

URL = "http://127.0.0.1:8199"
OF_NOBODY_HERE = "192.0.2.7"
"""For documentation (RFC 5737), so of no machine."""


def test_work_that_is_done_elsewhere_is_named_with_what_to_do() -> None:
    elsewhere = reached_by_all(URL, ["127.0.0.1", OF_NOBODY_HERE])
    here = reached_by_all(URL, ["127.0.0.1", "::1"])

    assert (elsewhere.verdict, here.verdict) == (Verdict.WARN, Verdict.OK)
    assert OF_NOBODY_HERE in elsewhere.told
    assert "127.0.0.1," not in elsewhere.told
    assert "unset MX_CANARY_URL" in elsewhere.told


def test_the_doctor_says_of_the_canary_what_it_sees(patient: Patient) -> None:
    assert patient.findings()["canary"] == (
        "ok",
        "is off: set MX_CANARY_URL where all workers are on one machine",
    )
    assert "nobody is seen at work elsewhere" in patient.findings(MX_CANARY_URL=URL)["canary"][1]
