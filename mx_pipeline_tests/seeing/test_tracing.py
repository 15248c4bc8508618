"""Traces cost nothing where nobody wants them, and a collector that is away costs no sync anything."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from mx_pipeline.errors import BadSettings
from mx_pipeline.seeing.tracing import wants_traces

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
A_SPAN_THAT_BREAKS = """
import sys
from mx_pipeline.seeing.tracing import trace_if_wanted
from mx_pipeline.spans import span
wanted = trace_if_wanted()
before = "opentelemetry.trace" in sys.modules
try:
    with span("sync", merchant_id=7):
        raise KeyError("a patient's name")
except KeyError:
    print(wanted, before, "opentelemetry.sdk.trace" in sys.modules)
"""


def ran(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", A_SPAN_THAT_BREAKS],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def test_nothing_is_imported_where_nobody_wants_traces() -> None:
    assert ran().stdout.split() == ["False", "False", "False"]
    assert ran(**{ENDPOINT: "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}).stdout.split()[0] == "False"


def test_a_collector_that_is_away_holds_nobody_up_and_no_text_of_an_error_is_told() -> None:
    began = time.monotonic()

    away = ran(**{ENDPOINT: "http://127.0.0.1:1"})

    assert away.stdout.split() == ["True", "False", "True"], "the library comes with the first span"
    assert time.monotonic() - began < 45
    assert "patient" not in away.stderr


@pytest.mark.parametrize(
    "url", ["localhost:4318", "ftp://a.example", "http://", "https://u:p@a.example", "http://[x"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(BadSettings, match=ENDPOINT):
        wants_traces({ENDPOINT: url})


def test_an_address_is_wanted_and_none_is_not() -> None:
    assert wants_traces({ENDPOINT: "http://collector:4318"})
    assert not wants_traces({})
