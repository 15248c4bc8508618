"""Whether somebody answers requests, and at once: a worker that hears its bell, or Dagster's daemon."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from mx_pipeline.operations.doctor.findings import Finding, Verdict, fail, ok, warn
from mx_pipeline.operations.local_rooms import worker_room
from mx_pipeline.settings import Settings
from mx_pipeline.warehouse.diagnosing import listening_workers
from mx_pipeline.warehouse.logins import DISPATCHER_ROLE, database_url, logins_of


def bell(settings: Settings) -> Iterator[Finding]:
    """Tried as a worker tries it. Raises BadSettings."""
    logins = logins_of(settings)
    url = logins.url(DISPATCHER_ROLE)
    if settings.listen_url is not None:
        url = database_url(settings.listen_url, variable="MX_LISTEN_DATABASE_URL")
    ear, mouth = os.pipe()
    try:
        with worker_room("doorbell").Doorbell(url) as doorbell:
            doorbell.wait(ear, at_most=0)
            is_heard = doorbell.is_heard
    finally:
        os.close(ear)
        os.close(mouth)
    if is_heard:
        yield ok("bell", "notifications of Postgres arrive")
    elif settings.listen_url is None:
        yield fail(
            "bell",
            "notifications of Postgres do not arrive, as through a pooler in transaction mode, so workers look five "
            "times a second: set MX_LISTEN_DATABASE_URL to an address past the pooler",
        )
    else:
        yield fail(
            "bell",
            "nothing is heard at MX_LISTEN_DATABASE_URL: give it the address of Postgres itself, with a login that "
            "it takes",
        )


def answering(settings: Settings, found: Sequence[Finding]) -> Finding:
    """By what the other checks have found of Dagster's daemon. Raises WarehouseError."""
    bells = listening_workers(logins_of(settings))
    if bells:
        return ok("workers", f"{bells} processes listen for requests")
    lives = any(one.check == "Dagster's daemon" and one.verdict is Verdict.OK for one in found)
    if lives:
        return warn(
            "workers", "none listens; Dagster's daemon answers after some seconds: start mx-pipeline worker"
        )
    return fail(
        "workers",
        "neither a worker nor Dagster's daemon is there, so nobody answers a request: start mx-pipeline worker, and "
        "dagster-daemon run",
    )
