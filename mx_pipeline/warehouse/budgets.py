"""Credentials' budgets in Postgres: what all processes that use a credential know together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mx_pipeline.warehouse.connections import Session, Tenant
from mx_pipeline.warehouse.rows import json, page_json

LIFE_SECONDS = 30
"""A process that gives no sign of life shares no more after that."""
PROBE_SECONDS = 30
"""As long as the answer of a probe may take."""


def start_budget(session: Session, credential: str, *, start: float) -> None:
    """Make sure that there is a budget; one that was used before keeps its level."""
    session.run("budgets", "start_budget", credential=credential, start=start)


def refresh_budget(session: Session, credential: str, *, holder: str) -> Any | None:
    """Give a sign of life and read how all stand; None where this credential was never used."""
    row = session.run(
        "budgets", "refresh_budget", credential=credential, holder=holder, life_seconds=LIFE_SECONDS
    )
    return row.one_or_none()


def tell_budget(
    session: Session,
    credential: str,
    *,
    ceiling: int,
    grown: float,
    halved_to: float | None,
    pause_seconds: float,
    turn: str | None,
    failed_probes: int,
) -> None:
    """Let the others know."""
    session.run(
        "budgets",
        "tell_budget",
        credential=credential,
        ceiling=ceiling,
        grown=grown,
        halved_to=halved_to,
        pause_seconds=pause_seconds,
        turn=turn or "",
        failed_probes=failed_probes,
    )


def claim_probe(session: Session, credential: str, *, cool_down_seconds: float) -> bool:
    """Whether it is we who may ask if the vendor is back."""
    claimed = session.run(
        "budgets",
        "claim_probe",
        credential=credential,
        cool_down_seconds=cool_down_seconds,
        probe_seconds=PROBE_SECONDS,
    )
    return claimed.one_or_none() is not None


def leave_budget(session: Session, credential: str, *, holder: str) -> None:
    """Share no more."""
    session.run("budgets", "leave_budget", credential=credential, holder=holder)


def calls_today(tenant: Tenant) -> tuple[int, float]:
    """Calls of the merchant's own day so far, and how many seconds of it are left."""
    row = tenant.one("budgets", "calls_today")
    return row.calls, row.seconds_left


def keep_usage(tenant: Tenant, request_id: int, calls: Mapping[tuple[str, str], int]) -> None:
    """Write the calls so far, by endpoint and outcome, of the run that answers a request, if it has begun."""
    run_id = tenant.one("budgets", "run_of_request", request_id=request_id)[0]
    counted = [
        {"endpoint": endpoint, "outcome": outcome, "calls": count}
        for (endpoint, outcome), count in sorted(calls.items())
    ]
    if run_id is not None:
        tenant.run("sync", "count_calls", run_id=run_id, calls=page_json(counted))


def annotate_run(
    tenant: Tenant, run_id: int, *, stats: dict[str, object], resumes_in: float | None
) -> tuple[str, dict[str, Any]]:
    """Add to a finished run's statistics, and say when it goes on; its message and statistics from now on."""
    row = tenant.one("budgets", "annotate_run", run_id=run_id, stats=json(stats), resumes_in=resumes_in)
    return row.message, row.stats
