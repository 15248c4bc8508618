"""How Dagster's lines about a run leave its process: as ours do."""

from __future__ import annotations

import logging

import dagster as dg

from mx_pipeline.seeing.logs import formatter, log_to_stderr, logs_json
from mx_pipeline.seeing.tracing import trace_if_wanted

CONSOLE = "console"
"""Dagster's own name for it."""


@dg.logger(description="As MX_LOG_FORMAT says.")
def as_we_log(_: dg.InitLoggerContext) -> logging.Logger:
    """What Dagster would print in colours."""
    lines, handler = logging.Logger("dagster", logging.DEBUG), logging.StreamHandler()
    handler.setFormatter(formatter())
    lines.addHandler(handler)
    return lines


def log_as_we_do() -> None:
    """In the processes that load the code location, where somebody collects: else Dagster decides. And traces."""
    if logs_json():
        log_to_stderr(of_ours=logging.INFO)
    trace_if_wanted()


def run_config_of_logs() -> dict[str, object]:
    """For a run that this process begins: Dagster takes a logger only where the run's configuration names it."""
    return {"loggers": {CONSOLE: {}}} if logs_json() else {}
